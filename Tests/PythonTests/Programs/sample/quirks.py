import os
import sys
import threading


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
