"""A master whose contexts do not reach each other: oneway.py PROGRAM PYTHON"""
import sys

import mitogen.core
import mitogen.master
import mitogen.parent
import mitogen_swift

import checks
import sample.peers

program, python = sys.argv[1:]
HANDLE = 5000
ask = mitogen_swift.function('python.ask')
listen = mitogen_swift.function('python.listen')
start_weaker = mitogen_swift.function('python.start_weaker')


def check_separation(contexts, via):
    """Pairs of a context and whether it is a Swift program, which nothing but `via` is above."""
    for context, is_swift in contexts:
        if is_swift:
            context.call(listen, handle=HANDLE, policy='anyone', persists=True)
        else:
            context.call(sample.peers.listen, HANDLE)
    for left, is_swift in contexts:
        for right, _ in contexts:
            if right is left:
                continue
            text = 'routing mode prevents forward of message from context %d to context %d via context %d' % (
                left.context_id, right.context_id, via,
            )
            target = right.context_id if is_swift else right
            checks.expect_error(
                mitogen.core.CallError, text, left.call, ask if is_swift else sample.peers.ask, target, HANDLE, u'hello',
            )
    # From above it is heard.
    checks.expect(sample.peers.ask(contexts[0][0], HANDLE, u'hello'), u'hello')


broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
router.unidirectional = True
try:
    first, second = [router.local(python_path=mitogen_swift.program(program)) for _ in range(2)]
    check_separation([(first, True), (second, True), (router.local(), False)], 0)
    checks.check_calls(first)
    checks.check_channels(router, first)
    checks.check_services(first)
    below = [(mitogen.parent.Context(router, first.call(checks.start)), True), (first.call(start_weaker), True)]
    if python:
        below.append((mitogen.parent.Context(router, first.call(checks.start, python)), False))
    check_separation(below, first.context_id)
    # Where nothing forbids it, they reach each other.
    router.unidirectional = False
    free = [router.local(python_path=mitogen_swift.program(program)) for _ in range(2)]
    for context in free:
        context.call(listen, handle=HANDLE, policy='anyone', persists=True)
    checks.expect(free[0].call(ask, free[1].context_id, HANDLE, u'hello'), u'hello')
finally:
    broker.shutdown()
    broker.join()
print('done')
