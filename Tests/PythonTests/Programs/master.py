"""A master with children that are Swift programs: master.py PROGRAM PYTHON COUNT SIZE..."""
import logging
import os
import sys
import time

import mitogen.core
import mitogen.master
import mitogen.parent
import mitogen_swift

import checks

program, python, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Records(logging.Handler):
    lines = []

    def emit(self, record):
        self.lines.append('%s: %s' % (record.name, record.getMessage()))


def await_line(text):
    limit = time.time() + 20
    while not any(text in line for line in Records.lines):
        if time.time() > limit:
            raise AssertionError('%r is not in %r' % (text, Records.lines))
        time.sleep(0.01)


logging.getLogger().addHandler(Records())
logging.getLogger().setLevel(logging.INFO)
broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
try:
    context = router.local(python_path=mitogen_swift.program(program))
    checks.check_calls(context)
    checks.check_channels(router, context)
    checks.check_services(context)
    for size in sys.argv[4:]:
        checks.check_large(context, int(size))
    context.call(checks.say, 'printed by Swift')
    await_line('printed by Swift')

    # Contexts below it: another copy of the program, Python, and one below that.
    below = mitogen.parent.Context(router, context.call(checks.start))
    checks.expect(below.call(checks.add, 1, 2), 3)
    if not python:
        # What is needed for it is not part of this version's command.
        checks.expect_error(
            mitogen.core.CallError, 'only the master starts Python contexts', context.call, checks.start, sys.executable,
        )
    else:
        interpreter = mitogen.parent.Context(router, context.call(checks.start, python))
        import sample.parts.calls
        checks.expect(interpreter.call(os.getppid) > 1, True)
        checks.expect(interpreter.call(sample.parts.calls.add, 20, 22), 42)
        last = router.local(via=interpreter, python_path=mitogen_swift.program(program))
        checks.expect(last.call(checks.add, 3, 4), 7)
        checks.check_channels(router, last)

    many = [router.local(python_path=mitogen_swift.program(program)) for _ in range(count)]
    calls = [each.call_async(checks.add, index, 1) for index, each in enumerate(many)]
    checks.expect([call.get().unpickle() for call in calls], list(range(1, count + 1)))

    one_way = router.local(python_path=mitogen_swift.program(program), unidirectional=True)
    checks.expect(one_way.call(checks.add, 1, 2), 3)
    context.shutdown(wait=True)
    checks.expect_error(mitogen.core.ChannelError, '', below.call, checks.add, 1, 2)
finally:
    broker.shutdown()
    broker.join()
print('done')
