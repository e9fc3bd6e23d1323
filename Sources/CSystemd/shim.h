/* libsystemd as Swift sees it: the structured journal and the service notifications. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
