/* zlib as Swift sees it: compression of the metrics page. */
#include <zlib.h>
