import logging
import os

from sample import helper
import sample.parts.unused


def add(left, right=1):
    return helper.add(left, right)


def echo(value):
    return value


def fail(reason):
    raise ValueError(reason)


def notice():
    import importlib.resources
    return importlib.resources.read_text('sample', 'notice.txt')


def send(sender, count):
    for number in range(count):
        sender.send(number)
    sender.close()


def say(text):
    print(text)
    logging.getLogger('sample').warning('logged: %s', text)


def die():
    os._exit(7)


def folders():
    import sys
    return sys.path


def resource(name):
    import sample
    try:
        with sample.__loader__.get_resource_reader('sample').open_resource(name) as file:
            return file.read()
    except FileNotFoundError:
        return None


def children():
    import subprocess
    listed = subprocess.Popen(['ps', '--no-headers', '-o', 'stat,args', '--ppid', str(os.getpid())], stdout=subprocess.PIPE)
    lines = listed.communicate()[0].splitlines()
    return b'\n'.join(line for line in lines if b'ps --no-headers' not in line and not line.startswith(b'Z'))
