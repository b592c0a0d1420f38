"""What a Python program does with a context that is a Swift program."""
import sys

import mitogen.core
import mitogen_swift

add = mitogen_swift.function('python.add')
echo = mitogen_swift.function('python.echo')
greet = mitogen_swift.function('python.greet')
refuse = mitogen_swift.function('python.refuse')
send_numbers = mitogen_swift.function('python.send_numbers')
receive_numbers = mitogen_swift.function('python.receive_numbers')
fail_at_length = mitogen_swift.function('python.fail_at_length')
say = mitogen_swift.function('python.say')
start = mitogen_swift.function('python.start')
NOTEBOOK = 'MitogenFixtures.Notebook'

VALUES = [
    None, True, False, 0, -1, 2**31, 2**63 - 1, -2**63, 2**100, 0.5, -1e300, u'', u'text', u'\u00e4\U0001f600', b'', b'\x00\xff',
    [], [1, [2, [3]]], (), (1, u'a'), {}, {u'a': 1, u'b': {u'c': None}}, {1: u'one'}, [u'x' * 100000],
    mitogen.core.Blob(b'blob\x00'), mitogen.core.Secret(u'secret'),
]


def expect(actual, expected):
    if actual != expected or type(actual) is not type(expected):
        raise AssertionError('expected %r, not %r' % (expected, actual))


def expect_error(kind, text, body, *args, **kwargs):
    try:
        body(*args, **kwargs)
    except kind:
        message = str(sys.exc_info()[1])
        if text not in message:
            raise AssertionError('%r is not in %r' % (text, message))
        return
    raise AssertionError('no %s' % (kind.__name__,))


def check_calls(context):
    expect(context.call(add, 1, 2), 3)
    expect(context.call(add, right=2, left=5), 7)
    expect(context.call(add, 4, right=2), 6)
    expect(context.call(greet, 'you'), u'Hello, you!')
    expect(context.call(greet, 'you', 'Good day'), u'Good day, you!')
    expect(context.call(greet, name='you', greeting=None), u'Hello, you!')
    expect_error(mitogen.core.CallError, 'refused: too early', context.call, refuse, 'too early')
    expect_error(mitogen.core.CallError, 'it takes 2 positional arguments but 3 were given', context.call, add, 1, 2, 3)
    expect_error(mitogen.core.CallError, "two values for 'left'", context.call, add, 1, left=2)
    expect_error(mitogen.core.CallError, 'no key', context.call, add, 1)
    for count in 9000, 10000, 100000:
        try:
            context.call(fail_at_length, count)
        except mitogen.core.CallError:
            expect(9000 < len(str(sys.exc_info()[1])) < 10000, True)
    unknown = mitogen_swift.function('python.unknown')
    expect_error(mitogen.core.CallError, 'python.unknown', context.call, unknown)
    for value in VALUES:
        expect(context.call(echo, value=value), value)


def check_large(context, size):
    # Bytes from 128 on take two in a pickle of protocol 2, and the largest message has 128 MiB.
    data = (b'\x00\xff' if size < 64 << 20 else b'ab') * (size // 2)
    expect(context.call(echo, value=data), data)


def check_channels(router, context):
    receiver = mitogen.core.Receiver(router)
    call = context.call_async(send_numbers, sender=receiver.to_sender(), count=5000, closes=True)
    expect([message.unpickle() for message in receiver], list(range(5000)))
    expect(call.get().unpickle(), None)
    introduction = mitogen.core.Receiver(router)
    call = context.call_async(receive_numbers, introduction=introduction.to_sender(), limit=None, dies=False)
    sender = introduction.get().unpickle()
    for number in range(5000):
        sender.send(number)
    sender.close()
    expect(call.get().unpickle(), list(range(5000)))


def check_services(context):
    context.call(mitogen_swift.function('python.know_notebook'))
    expect(context.call_service(NOTEBOOK, 'Write', word=u'first'), 1)
    expect(context.call_service(NOTEBOOK, 'ReadAll'), [u'first'])
    expect_error(mitogen.core.CallError, 'Torn', context.call_service, NOTEBOOK, 'Tear')


def check_unreachable(router):
    lost = mitogen.parent.Context(router, 4000000)
    expect_error(mitogen.core.ChannelError, '', lost.call, add, 1, 2)
