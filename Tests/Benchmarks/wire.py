"""Counts the bytes of connections that go through it."""
import contextlib
import socket
import threading


class Relay:
    """Listens on loopback, and passes what comes to one address and what comes back."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.count = 0
        self.lock = threading.Lock()
        self.threads = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self.pump, args=(source, sink), daemon=True)
                self.threads.append(thread)
                thread.start()

    def pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                with self.lock:
                    self.count += len(data)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def bytes_of(self, body):
        """How many bytes go both ways while something is done, until its connections have ended."""
        self.count, self.threads = 0, []
        body()
        for thread in self.threads:
            thread.join(30)
        return self.count

    def close(self):
        self.listener.close()
