"""Runs programs for scripts/bench-peers, and looks at their memory."""
import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import tempfile
import time

# How long one measurement may take, and how long processes may take to end.
LIMIT = 600
ENDING = 5
OPEN_FILES = 16384


class BenchmarkError(Exception):
    """A measurement that has failed; the message names it."""


def run(arguments, pinned=False, environment=None, **options):
    """The standard output of a command that has to succeed within the limit."""
    result = completed(arguments, pinned, environment, **options)
    if result.returncode != 0:
        raise BenchmarkError('%s ended with %d: %s' % (shown(arguments), result.returncode, tail(result.stderr)))
    return result.stdout.decode()


def completed(arguments, pinned, environment, **options):
    options.setdefault('stdin', subprocess.DEVNULL)
    try:
        return subprocess.run(
            on_processor(arguments, pinned), env=dict(os.environ, **(environment or {})),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT, **options)
    except subprocess.TimeoutExpired:
        raise BenchmarkError('%s has not ended within %d s' % (shown(arguments), LIMIT)) from None
    except OSError as error:
        raise BenchmarkError('%s cannot be started: %s' % (shown(arguments), error)) from None


def on_processor(arguments, pinned):
    processor = str(min(os.sched_getaffinity(0)))
    return (['taskset', '-c', processor] if pinned else []) + [str(argument) for argument in arguments]


def raise_open_files(least):
    """Lets this process, and those that it starts, have many files open; BenchmarkError if not even the least."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if wanted < least:
        raise BenchmarkError('a process may have %d files open and needs %d: raise `ulimit -Hn`' % (wanted, least))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def figures(arguments, pinned=False, environment=None):
    """The JSON object that a program prints last."""
    return parsed(run(arguments, pinned, environment), arguments)


def parsed(output, arguments):
    lines = output.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        raise BenchmarkError('%s has printed no figures: %s' % (shown(arguments), output.strip()[-300:])) from None


def seconds(arguments, pinned=False, environment=None, **options):
    start = time.perf_counter()
    output = run(arguments, pinned, environment, **options)
    return time.perf_counter() - start, output


def staying(arguments, pinned=False, environment=None):
    """What a program prints that stays then, and the private memory in KiB of it and of each process below it."""
    errors = tempfile.TemporaryFile()
    process = subprocess.Popen(
        on_processor(arguments, pinned), env=dict(os.environ, **(environment or {})),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    try:
        line = first_line(process, errors, arguments)
        time.sleep(1)
        found = [private_kib(pid) for pid in [process.pid] + descendants(process.pid)]
        if found[0] is None:
            raise BenchmarkError('%s has ended' % shown(arguments))
        memory = [kib for kib in found if kib is not None]
    finally:
        below = [(pid, fields[19]) for pid in descendants(process.pid) if (fields := stat_fields(pid))]
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        errors.close()
        end(below, arguments)
    return parsed(line, arguments), memory


def first_line(process, errors, arguments):
    if not select.select([process.stdout], [], [], LIMIT)[0]:
        raise BenchmarkError('%s has printed nothing within %d s' % (shown(arguments), LIMIT))
    line = process.stdout.readline().decode()
    if not line:
        errors.seek(0)
        raise BenchmarkError('%s has ended: %s' % (shown(arguments), tail(errors.read())))
    return line


def descendants(root):
    """The processes below one, which are known by their parents."""
    children = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        fields = stat_fields(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(int(pid))
    found, left = [], [root]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def stat_fields(pid):
    """Those of /proc/PID/stat after the name: state, parent, …; None if there is no such process."""
    try:
        with open('/proc/%s/stat' % pid, encoding='utf-8', errors='replace') as file:
            return file.read().rpartition(')')[2].split()
    except OSError:
        return None


def private_kib(pid):
    """None if the process has ended, and perhaps only waits to be reaped."""
    try:
        with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(('Private_Clean:', 'Private_Dirty:')))
    except (FileNotFoundError, ProcessLookupError):
        return None


def end(pids, arguments):
    """What is left of a measurement would disturb the next one: contexts that stay without their master are killed."""
    for signal_number in (None, signal.SIGKILL):
        left = [pid for pid in pids if lives(pid)]
        for pid, _ in left if signal_number else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        until = time.monotonic() + ENDING
        while any(map(lives, left)) and time.monotonic() < until:
            time.sleep(0.1)
    if any(map(lives, pids)):
        raise BenchmarkError('%s: contexts are still there after it was ended' % shown(arguments))


def lives(process):
    """Whether a process that is known by its number and the time of its start is still there."""
    pid, start = process
    fields = stat_fields(pid)
    return bool(fields) and fields[0] != 'Z' and fields[19] == start


def shown(arguments):
    words = [os.path.basename(str(arguments[0]))] + [str(argument) for argument in arguments[1:]]
    text = ' '.join(words)
    return '`%s`' % (text if len(text) < 160 else text[:160] + ' …')


def tail(data):
    return ' / '.join(data.decode(errors='replace').strip().splitlines()[-3:]) or 'no message'
