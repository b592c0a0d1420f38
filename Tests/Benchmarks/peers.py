#!/usr/bin/env python3
"""What scripts/bench-peers measures of the Python Mitogen and of execnet: peers.py PEER WHAT [NUMBER|TEXT]...

Each prints one JSON object. The counts are those of `mitogen bench`, and of the fixture's `measure`.
"""
import json
import os
import statistics
import subprocess
import sys
import time

QUICK = bool(os.environ.get('BENCH_QUICK'))
WARM_UP_CALLS = 200 if QUICK else 2000
CALLS = 2000 if QUICK else 20000
CALLS_IN_FLIGHT = 1000
WARM_UP_TRANSFERS = 5
TRANSFERS = 20 if QUICK else 200
CONNECTIONS = 3 if QUICK else 15
FORKS = 20 if QUICK else 200
WARM_UP_VALUES = 1000
MEBIBYTE = b'\x5a' * (1 << 20)


# What runs in contexts of the Python Mitogen.

def echo(value):
    return value


def count_bytes(data):
    return len(data)


def process_id():
    return os.getpid()


def send_numbers(sender, count):
    for number in range(count):
        sender.send(number)
    sender.close()


def wait_long():
    time.sleep(1000000)


def fetch_file(master, source, target):
    import mitogen.service
    with open(target, 'wb') as file:
        mitogen.service.FileService.get(master, source, file)


# What runs in gateways of execnet.

ECHO = 'for value in channel: channel.send(value)'
COUNT_BYTES = 'for data in channel: channel.send(len(data))'
PROCESS_ID = 'import os; channel.send(os.getpid())'
SEND_NUMBERS = '''
for count in channel:
    for number in range(count): channel.send(number)
'''
WAIT = 'channel.receive()'
UNAME = "import subprocess; channel.send(subprocess.check_output(['uname']))"


# What both share.

def expect(value, expected):
    if value != expected:
        raise AssertionError('%r came instead of %r' % (value, expected))


def seconds_of(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def median_of(count, body):
    return statistics.median(seconds_of(lambda: body(number)) for number in range(count))


def private_kib(pid):
    with open('/proc/%d/smaps_rollup' % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(('Private_Clean:', 'Private_Dirty:')))


def idle_memory(pid):
    time.sleep(0.2)
    return private_kib(pid)


def in_turn(count, start, finish):
    """Starts so many of something, CALLS_IN_FLIGHT of them at a time."""
    pending = []
    for value in range(count):
        if value >= CALLS_IN_FLIGHT:
            expect(finish(pending[value - CALLS_IN_FLIGHT]), value - CALLS_IN_FLIGHT)
        pending.append(start(value))
    for value in range(max(0, count - CALLS_IN_FLIGHT), count):
        expect(finish(pending[value]), value)


def say(**figures):
    print(json.dumps(figures), flush=True)


def stay(**figures):
    """Others look at this process and its children now, and then end it."""
    say(**figures)
    time.sleep(1000000)


class Mitogen:
    """The Python Mitogen, used as in its documentation: run_with_router, context.call, Receiver, FileService."""

    def __init__(self, router):
        self.router = router

    def local(self, via=None):
        return self.router.local(via=via, python_path=sys.executable)

    def ssh(self, config, host):
        return self.router.ssh(hostname=host, python_path='python3', ssh_args=['-F', config], check_host_keys='enforce')

    def connected(self, connect, count):
        """How long a connection and its first call take, in milliseconds."""
        times = []
        for number in range(count):
            start = time.perf_counter()
            context = connect()
            expect(context.call(echo, number), number)
            times.append((time.perf_counter() - start) * 1000)
            context.shutdown(wait=True)
        return statistics.median(times)

    def call(self, context):
        for value in range(WARM_UP_CALLS):
            expect(context.call(echo, value), value)
        return median_of(CALLS, lambda value: expect(context.call(echo, value), value)) * 1e6

    def calls(self):
        context = self.local()
        flight = lambda: in_turn(CALLS, lambda value: context.call_async(echo, value), self.result)
        blob = self.core.Blob(MEBIBYTE)
        send = lambda _: expect(context.call(count_bytes, blob), len(MEBIBYTE))
        call = self.call(context)
        in_flight = CALLS / seconds_of(flight)
        for number in range(WARM_UP_TRANSFERS):
            send(number)
        arguments = TRANSFERS / seconds_of(lambda: [send(number) for number in range(TRANSFERS)])
        connect = self.connected(self.local, CONNECTIONS)
        self.router.fork().shutdown(wait=True)
        fork = self.connected(self.router.fork, FORKS)
        other = self.local()
        memory = idle_memory(other.call(process_id))
        say(call=call, flight=in_flight, arguments=arguments, connect=connect, fork=fork, memory=memory)

    @staticmethod
    def result(receiver):
        return receiver.get().unpickle()

    def stream(self, count):
        context = self.local()
        self.receive(context, WARM_UP_VALUES)
        say(stream=count / seconds_of(lambda: self.receive(context, count)))

    def receive(self, context, count):
        receiver = self.core.Receiver(self.router)
        sending = context.call_async(send_numbers, receiver.to_sender(), count)
        expected = 0
        for message in receiver:
            expect(message.unpickle(), expected)
            expected += 1
        self.result(sending)
        expect(expected, count)

    def chain(self, depth):
        contexts = []

        def connect():
            contexts.clear()
            for _ in range(depth):
                contexts.append(self.local(via=contexts[-1] if contexts else None))
            return contexts[-1]

        times = []
        for number in range(CONNECTIONS):
            start = time.perf_counter()
            expect(connect().call(echo, number), number)
            times.append((time.perf_counter() - start) * 1000)
            for context in reversed(contexts):
                context.shutdown(wait=True)
        say(connect=statistics.median(times), call=self.call(connect()))

    def connect_ssh(self, config, host, count):
        say(connect=self.connected(lambda: self.ssh(config, host), count))

    def file(self, config, host, source, target):
        import mitogen.service
        service = mitogen.service.FileService(self.router)
        mitogen.service.get_or_create_pool(router=self.router).add(service)
        service.register(source)
        self.ssh(config, host).call(fetch_file, self.router.myself(), source, target)
        say()

    def hosts(self, config, *names):
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            contexts = list(pool.map(lambda name: self.ssh(config, name), names))
        answers = [context.call_async(subprocess.check_output, ['uname']) for context in contexts]
        for answer in answers:
            expect(self.result(answer), b'Linux\n')
        say()

    def forks(self, count, via=None):
        contexts = []
        for number in range(count):
            contexts.append(self.router.fork(via=via))
            expect(contexts[-1].call(echo, number), number)
        return contexts

    def contexts(self, count, calls):
        contexts = self.forks(count)
        start = lambda value: contexts[value % count].call_async(echo, value)
        body = lambda calls: in_turn(calls, start, self.result)
        body(min(calls, CALLS_IN_FLIGHT))
        stay(calls=calls / seconds_of(lambda: body(calls)))

    def routes(self, count):
        contexts = self.forks(count, via=self.local())
        stay(routes=len(contexts))

    def pending(self, count):
        context = self.local()
        expect(context.call(echo, 1), 1)
        calls = [context.call_async(wait_long) for _ in range(count)]
        stay(pending=len(calls))


class Execnet:
    """execnet, used as in its documentation: makegateway, and channels of remote_exec, whose loops answer."""

    def __init__(self, group):
        self.group = group

    def local(self, via=None):
        return self.group.makegateway('popen//python=python3' + ('//via=' + via.id if via else ''))

    def ssh(self, config, host):
        return self.group.makegateway('ssh=%s//ssh_config=%s//python=python3' % (host, config))

    def ask(self, channel, value):
        channel.send(value)
        return channel.receive()

    def connected(self, connect, count):
        times = []
        for number in range(count):
            start = time.perf_counter()
            expect(self.ask(connect().remote_exec(ECHO), number), number)
            times.append((time.perf_counter() - start) * 1000)
            self.group.terminate(timeout=5)
        return statistics.median(times)

    def call(self, gateway):
        channel = gateway.remote_exec(ECHO)
        for value in range(WARM_UP_CALLS):
            expect(self.ask(channel, value), value)
        result = median_of(CALLS, lambda value: expect(self.ask(channel, value), value)) * 1e6
        channel.close()
        return result

    def calls(self):
        connect = self.connected(self.local, CONNECTIONS)
        gateway = self.local()
        call = self.call(gateway)
        channel = gateway.remote_exec(ECHO)
        flight = lambda: in_turn(CALLS, channel.send, lambda _: channel.receive())
        in_flight = CALLS / seconds_of(flight)
        sink = gateway.remote_exec(COUNT_BYTES)
        send = lambda _: expect(self.ask(sink, MEBIBYTE), len(MEBIBYTE))
        for number in range(WARM_UP_TRANSFERS):
            send(number)
        arguments = TRANSFERS / seconds_of(lambda: [send(number) for number in range(TRANSFERS)])
        memory = idle_memory(self.local().remote_exec(PROCESS_ID).receive())
        say(call=call, flight=in_flight, arguments=arguments, connect=connect, memory=memory)

    def stream(self, count):
        channel = self.local().remote_exec(SEND_NUMBERS)
        self.receive(channel, WARM_UP_VALUES)
        say(stream=count / seconds_of(lambda: self.receive(channel, count)))

    def receive(self, channel, count):
        channel.send(count)
        for expected in range(count):
            expect(channel.receive(), expected)

    def chain(self, depth):
        def connect():
            gateway = None
            for _ in range(depth):
                gateway = self.local(via=gateway)
            return gateway

        say(connect=self.connected(connect, CONNECTIONS), call=self.call(connect()))

    def connect_ssh(self, config, host, count):
        say(connect=self.connected(lambda: self.ssh(config, host), count))

    def file(self, config, host, source, target):
        import execnet
        sync = execnet.RSync(source, verbose=False)
        sync.add_target(self.ssh(config, host), target)
        sync.send()
        say()

    def hosts(self, config, *names):
        gateways = [self.ssh(config, name) for name in names]
        channels = [gateway.remote_exec(UNAME) for gateway in gateways]
        for channel in channels:
            expect(channel.receive(), b'Linux\n')
        say()

    def contexts(self, count, calls):
        channels = [self.local().remote_exec(ECHO) for _ in range(count)]

        def start(value):
            channel = channels[value % count]
            channel.send(value)
            return channel

        body = lambda calls: in_turn(calls, start, lambda channel: channel.receive())
        body(count)
        body(min(calls, CALLS_IN_FLIGHT))
        stay(calls=calls / seconds_of(lambda: body(calls)))

    def routes(self, count):
        first = self.local()
        for number in range(count):
            expect(self.ask(self.local(via=first).remote_exec(ECHO), number), number)
        stay(routes=count)

    def pending(self, count):
        gateway = self.local()
        expect(self.ask(gateway.remote_exec(ECHO), 1), 1)
        channels = [gateway.remote_exec(WAIT) for _ in range(count)]
        stay(pending=len(channels))


def run_mitogen(body):
    import mitogen.core
    import mitogen.utils
    Mitogen.core = mitogen.core
    mitogen.utils.run_with_router(lambda router: body(Mitogen(router)))


def run_execnet(body):
    import execnet
    group = execnet.Group()
    body(Execnet(group))
    group.terminate(timeout=5)


def main():
    runners = {'mitogen': run_mitogen, 'execnet': run_execnet}
    name, what = sys.argv[1:3]
    arguments = [int(word) if word.isdigit() else word for word in sys.argv[3:]]
    runners[name](lambda peer: getattr(peer, what)(*arguments))


if __name__ == '__main__':
    main()
