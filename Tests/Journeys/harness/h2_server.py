"""An HTTP/2 server down to the frame, on the library h2. `H2Connection.ended` is called with whole requests."""
import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings


class H2Connection:
    def __init__(self, server, taken, settings):
        self.server, self.socket, self.heads, self.bodies = server, taken, {}, {}
        self.lock, self.moved, self.owed = threading.RLock(), threading.Event(), []
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        # What is set later would be applied at the acknowledgement without having been sent.
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self.h2.max_inbound_frame_size = self.h2.local_settings.max_frame_size
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        with self.lock:
            self.socket.sendall(self.h2.data_to_send())

    def run(self):
        try:
            while data := self.socket.recv(65536):
                with self.lock:
                    for event in self.h2.receive_data(data):
                        self.hear(event)
                    self.flush()
        except (OSError, h2.exceptions.ProtocolError) as error:
            self.server.faults.append(repr(error))
        self.server.left(self)

    def hear(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.heads[event.stream_id] = event.headers
            self.bodies[event.stream_id] = b""
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.owed.append((event.flow_controlled_length, event.stream_id))
            if self.server.gives_room():
                self.give_room()
        elif isinstance(event, h2.events.StreamReset):
            self.server.resets.append((event.stream_id, event.error_code))
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.server.goodbyes.append(event.error_code)
        elif isinstance(event, h2.events.WindowUpdated):
            self.moved.set()
        elif isinstance(event, h2.events.StreamEnded):
            self.ended(event.stream_id)

    def give_room(self):
        """The windows get back what has come."""
        for count, stream in self.owed:
            self.h2.acknowledge_received_data(count, stream)
        self.owed = []
        self.flush()

    def ended(self, stream):
        raise NotImplementedError

    def close(self):
        self.socket.close()


class H2Server:
    """tls: an ssl.SSLContext; it should offer h2 in ALPN.
    gives_room: asked whether windows get back what has come.
    Whoever holds `pause` keeps new connections from being greeted.
    """

    connection = H2Connection

    def __init__(self, handle, *, settings=None, gives_room=lambda: True, tls=None, port=0):
        self.handle, self.settings, self.gives_room, self.tls = handle, settings or {}, gives_room, tls
        self.resets, self.goodbyes, self.connections, self.faults, self.open = [], [], [], [], set()
        self.pause = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                taken = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken):
        try:
            if self.tls:
                taken = self.tls.wrap_socket(taken, server_side=True)
            with self.pause:
                made = self.connection(self, taken, self.settings)
        except OSError as error:
            self.faults.append(repr(error))
            return taken.close()
        self.open.add(made)
        self.connections.append(made)
        made.run()

    def left(self, connection):
        self.open.discard(connection)

    def stop(self):
        # Closing alone leaves a listener open as long as a thread waits in it.
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        for one in self.connections:
            one.close()
