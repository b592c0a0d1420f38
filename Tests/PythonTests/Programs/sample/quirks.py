import os
import sys
import threading

import mitogen.core


def lock():
    return threading.Lock()


def function():
    return lambda: None


def module():
    return os


def numbers():
    return {1, 2}


def leave():
    sys.exit(3)


def end(status):
    os._exit(status)


def name(context):
    return context.name


def fail_at_length(count):
    raise ValueError('x' * count)


def stop_pool():
    import mitogen.service
    mitogen.service.get_or_create_pool().stop()


@mitogen.core.takes_econtext
def stay_at_end(econtext):
    """When this context is told to end, it takes no more calls, but is there until its parent closes the connection."""
    econtext.stream.receive_side.keep_alive = True
    econtext.broker.shutdown_timeout = 30


HANDLES = set()
RECEIVERS = []


def watch():
    """Notes the handles of the messages for this context that come from now on."""
    import mitogen
    import mitogen.core
    route = mitogen.core.Router._async_route

    def noting(router, message, stream=None):
        if message.dst_id == mitogen.context_id:
            HANDLES.add(message.handle)
        return route(router, message, stream)

    mitogen.core.Router._async_route = noting


def own_handles():
    """Those that no Python program knows."""
    return sorted(handle for handle in HANDLES if 113 < handle < 999)


def open_receiver(router):
    import mitogen.core
    RECEIVERS.append(mitogen.core.Receiver(router))
    return RECEIVERS[-1].to_sender()


def take():
    return [message.unpickle() for message in RECEIVERS.pop()]


open_receiver.mitogen_takes_router = True
