"""What the package makes of frames: vectors.py. Each line of its input and its output is JSON.

Input has `hex`, a frame, and may have `repr`, the value of its payload as Python writes it, or several with ` then ` between
them. Output has `values`, what the payload means, `written`, what the package writes for it, or `error`, the class of what
was raised, and `ends`, whether the frame ended the connection.
"""
import binascii
import json
import struct
import sys

import mitogen.core
import mitogen.master

broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
NAMES = {
    'Blob': mitogen.core.Blob, 'Secret': mitogen.core.Secret, 'Kwargs': mitogen.core.Kwargs,
    'CallError': mitogen.core.CallError, 'struct': struct,
    'Context': lambda number, name=None: mitogen.core.Context(router, number, name),
    'Sender': lambda context, handle: mitogen.core.Sender(context, handle),
}


class Stream(object):
    name = 'test'
    ended = False
    conn = None

    def on_disconnect(self, broker):
        self.ended = True


class Receiver(object):
    """Takes the place of a router."""
    max_message_size = 128 << 20
    broker = broker

    def __init__(self):
        self.messages = []

    def _async_route(self, message, stream):
        self.messages.append(message)


def same(value):
    """A text that is equal for equal values; types count."""
    if isinstance(value, (list, tuple)):
        return '%s[%s]' % (type(value).__name__, ', '.join(map(same, value)))
    if isinstance(value, dict):
        return '%s{%s}' % (type(value).__name__, ', '.join('%s: %s' % (same(k), same(v)) for k, v in value.items()))
    return '%s %r' % (type(value).__name__, value)


def receive(frame):
    stream, receiver = Stream(), Receiver()
    protocol = mitogen.core.MitogenProtocol(receiver, 1)
    protocol.stream = stream
    # At every split: the header, and a byte more each.
    for start, end in ((0, 10), (10, 26), (26, 27), (27, len(frame))):
        if frame[start:end] and not stream.ended:
            protocol.on_receive(broker, frame[start:end])
    return receiver.messages, stream.ended


def answer(request):
    frame = binascii.unhexlify(request['hex'])
    messages, ended = receive(frame)
    if ended:
        return {'ends': True}
    if len(messages) != 1:
        return {'error': 'there are %d messages' % (len(messages),)}
    message = messages[0]
    if message.pack() != frame:
        return {'error': 'it is packed as %r' % (message.pack(),)}
    if message.is_dead or not request.get('isPickle'):
        return {'values': None}
    # A context that it has met keeps its name.
    router._context_by_id.clear()
    message.router = router
    count = request.get('count', 1)
    try:
        values = list(message.unpickle_iter()) if count > 1 else [message.unpickle(throw=False)]
    except Exception:
        return {'error': sys.exc_info()[0].__name__}
    result = {'values': [same(value) for value in values]}
    if 'repr' in request:
        result['expected'] = [same(eval(text, dict(NAMES))) for text in request['repr'].split(' then ')]
    result['written'] = binascii.hexlify(mitogen.core.Message.pickled(values[0]).data).decode()
    return result


try:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))))
finally:
    broker.shutdown()
    broker.join()
