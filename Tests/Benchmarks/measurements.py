"""What scripts/bench-peers measures: groups of figures, each by several programs.

A group is a function that is given the bench, a column (whose figures they are) and whether to use one processor only.
It returns pairs of a row and a value; a row is the name of a figure.
"""
import os

from processes import BenchmarkError, figures, run, seconds, staying
from wire import Relay

OWN, MITOGEN, EXECNET, SSH, CLUSH, PSSH, HELD = 'own', 'mitogen', 'execnet', 'ssh', 'clush', 'pssh', 'held'
PEERS = (OWN, MITOGEN, EXECNET)
DEPTHS = (1, 2, 5, 10)
HOSTS = 48


class Bench:
    """Where the programs are, and how much they do."""

    def __init__(self, root, python, directory, config, quick):
        self.tool = os.path.join(root, '.build/release/mitogen')
        self.fixture = os.path.join(root, '.build/release/mitogen-fixture')
        self.peers = [python, os.path.join(root, 'Tests/Benchmarks/peers.py')]
        self.directory = directory
        self.quick = quick
        self.values = 10000 if quick else 100000
        self.calls = 2000 if quick else 20000
        self.depths = DEPTHS[:2] if quick else DEPTHS
        self.counts = (1, 10) if quick else (1, 10, 100, 1000)
        self.file_size = (16 if quick else 256) << 20
        self.hosts = ['node%02d' % number for number in range(1, (8 if quick else HOSTS) + 1)]
        self.connections = 3
        self.config = os.path.join(directory, 'config')
        self.write(self.config, config)
        self.source = os.path.join(directory, 'source')
        # Connections of the user's own are left alone.
        self.environment = {'MITOGEN_RUNTIME_DIR': directory, 'MITOGEN_CONFIG': ''}

    @staticmethod
    def write(path, text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def bench(self, parts, target='local', pinned=False, quick=False):
        only = [word for part in parts for word in ('--only', part)]
        options = ['--quick'] if quick or self.quick else []
        ssh = ['--ssh-config', self.config] if target.startswith('ssh:') else []
        return figures([self.tool, 'bench', '--json', '-t', target] + only + options + ssh, pinned, self.environment)

    def peer(self, column, *arguments):
        return self.peers + [column, *arguments]

    def peer_environment(self, quick=False):
        return {'BENCH_QUICK': '1' if quick or self.quick else ''}

    def ask(self, column, *arguments, pinned, quick=False):
        return figures(self.peer(column, *arguments), pinned, self.peer_environment(quick))

    def over_ssh(self, *command, **options):
        return run(['ssh', '-F', self.config, self.hosts[0], *command], **options)


def calls(bench, column, pinned):
    """Connections, forks, calls and arguments, and the memory of a child."""
    if column != OWN:
        return list(bench.ask(column, 'calls', pinned=pinned).items())
    names = {
        'call': 'call_p50_us', 'flight': 'pipelined_per_s', 'arguments': 'args_mib_s',
        'connect': 'connect_first_call_ms', 'fork': 'fork_first_call_ms', 'memory': 'child_private_kb',
    }
    found = bench.bench(['calls', 'pipelined', 'arguments', 'connect', 'fork', 'memory'], pinned=pinned)
    return [(row, found[name]) for row, name in names.items()]


def stream(bench, column, pinned):
    """Values that a child sends to the master."""
    if column != OWN:
        return [('stream', bench.ask(column, 'stream', bench.values, pinned=pinned)['stream'])]
    return [('stream', figures([bench.fixture, 'measure', 'stream', bench.values], pinned)['values_per_s'])]


def chains(bench, column, pinned):
    """Contexts inside of contexts: all connections with a first call, and a round trip. A tenth of the repetitions."""
    found = []
    for depth in bench.depths:
        if column != OWN:
            result = bench.ask(column, 'chain', depth, pinned=pinned, quick=True)
            connect, call = result['connect'], result['call']
        else:
            connecting = 'chain' if depth > 1 else 'connect'
            result = bench.bench(['calls', connecting], '+'.join(['local'] * depth), pinned, quick=True)
            connect, call = result[connecting + '_first_call_ms'], result['call_p50_us']
        found += [('chain-connect-%d' % depth, connect), ('chain-call-%d' % depth, call)]
    return found


def ssh(bench, column, pinned):
    """Connections by ssh and a first call. Only one of the three keeps a copy of its program there."""
    if column != OWN:
        found = bench.ask(column, 'connect_ssh', bench.config, bench.hosts[0], bench.connections, pinned=pinned)
        return [('ssh-later', found['connect']), ('ssh-first', found['connect'])]
    found = bench.bench(['ssh'], 'ssh:' + bench.hosts[0], pinned, quick=True)
    return [
        ('ssh-later', found['ssh_cached_ms']), ('ssh-first', found['ssh_uncached_ms']),
        ('ssh-later', found['ssh_true_ms'], SSH), ('ssh-first', found['ssh_true_ms'], SSH),
    ]


def file(bench, column, pinned):
    """A file of random bytes to a host by ssh, as a whole program from its start to its end."""
    if not os.path.exists(bench.source):
        with open(bench.source, 'wb') as source:
            source.write(os.urandom(bench.file_size))
    target = 'bench-peers.%d' % os.getpid()
    if column == OWN:
        # Puts the image into the cache there.
        run(own(bench, 'run') + ['-t', 'ssh:' + bench.hosts[0], '--', 'true'], environment=bench.environment)
    try:
        time = send_file(bench, column, pinned, target)
        check_file(bench, target)
    finally:
        bench.over_ssh('rm', '-f', target)
    return [('file', bench.file_size / time / (1 << 20))]


def own(bench, command):
    return [bench.tool, command, '--no-hold', '--ssh-config', bench.config]


def send_file(bench, column, pinned, target):
    if column == SSH:
        with open(bench.source, 'rb') as source:
            return seconds(['ssh', '-F', bench.config, bench.hosts[0], 'cat > ' + target], pinned, stdin=source)[0]
    if column == OWN:
        command = own(bench, 'copy') + ['--no-fsync', '-q', '-t', 'ssh:' + bench.hosts[0], bench.source, ':' + target]
        return seconds(command, pinned, bench.environment)[0]
    return seconds(bench.peer(column, 'file', bench.config, bench.hosts[0], bench.source, target), pinned)[0]


def check_file(bench, target):
    sums = [run(['sha256sum', bench.source]).split()[0], bench.over_ssh('sha256sum', target).split()[0]]
    if sums[0] != sums[1]:
        raise BenchmarkError('the file that has arrived is not the one that was sent')


def hosts(bench, column, pinned):
    """`uname` on many hosts, as a whole program from its start to its end."""
    nodes = 'node[01-%02d]' % len(bench.hosts)
    gather = [bench.tool, 'run', '--ssh-config', bench.config, '-t', 'ssh:' + nodes, '--output', 'gather']
    commands = {
        CLUSH: ['clush', '-f', '64', '-b', '-w', nodes, '-o', '-F ' + bench.config, 'uname'],
        PSSH: ['parallel-ssh', '-p', '64', '-i', '-x', '-F ' + bench.config, '-H', ' '.join(bench.hosts), 'uname'],
        OWN: gather + ['--no-hold', '--', 'uname'],
        HELD: gather + ['--', 'uname'],
    }
    command = commands.get(column) or bench.peer(column, 'hosts', bench.config, *bench.hosts)
    if column == OWN:
        # Puts the image into the cache of each host.
        run(command, environment=bench.environment)
    if column == HELD:
        hold = [bench.tool, 'hold', '--ssh-config', bench.config, '-t', 'ssh:' + nodes]
        run(hold, pinned, bench.environment)
    try:
        time, output = seconds(command, pinned, bench.environment)
    finally:
        if column == HELD:
            run([bench.tool, 'hold', '--end'], environment=bench.environment)
    check_hosts(bench, column, output)
    return [('hosts', time)]


def check_hosts(bench, column, output):
    """The programs in Python check for themselves."""
    count = len(bench.hosts)
    if column == PSSH and output.count('[SUCCESS]') != count:
        raise BenchmarkError('parallel-ssh has not reached %d hosts: %s' % (count, output[-300:]))
    if column in (CLUSH, OWN, HELD) and '(%d' % count not in output:
        raise BenchmarkError('%s has not reached %d hosts: %s' % (column, count, output[-300:]))


def wire(bench, column, pinned):
    """The bytes of a connection by ssh, both ways, with those of ssh itself."""
    port = next(line.split()[1] for line in open(bench.config, encoding='utf-8') if line.startswith('port '))
    relay = Relay('127.0.0.1', int(port))
    config = os.path.join(bench.directory, 'wire')
    with open(bench.config, encoding='utf-8') as file:
        text = file.read().replace('port ' + port, 'port %d\nhostkeyalias [127.0.0.1]:%s' % (relay.port, port))
    bench.write(config, text)
    try:
        return wire_figures(bench, column, config, relay)
    finally:
        relay.close()


def wire_figures(bench, column, config, relay):
    host = bench.hosts[0]
    if column == OWN:
        def connect(*options):
            command = [bench.tool, 'run', '--no-hold', '--ssh-config', config, '-t', 'ssh:' + host, *options]
            return lambda: run(command + ['--', 'true'], environment=bench.environment)
        first = relay.bytes_of(connect('--no-image-cache'))
        connect()()
        return [('wire-first', first), ('wire-later', relay.bytes_of(connect()))]
    command = ['ssh', '-F', config, host, 'true']
    if column != SSH:
        command = bench.peer(column, 'connect_ssh', config, host, 1)
    return [(row, relay.bytes_of(lambda: run(command))) for row in ('wire-first', 'wire-later')]


def contexts(bench, column, pinned):
    """Calls to many contexts in turn, 1,000 in flight, and the memory of all processes together."""
    found = []
    for count in bench.counts:
        result, memory = stay(bench, column, pinned, 'contexts', count, bench.calls)
        if len(memory) <= count:
            raise BenchmarkError('%s: %d contexts have only %d processes' % (column, count, len(memory) - 1))
        found.append(('contexts-calls-%d' % count, result['calls' if column != OWN else 'calls_per_s']))
        found.append(('contexts-memory-%d' % count, sum(memory)))
        found.append(('contexts-master-%d' % count, memory[0]))
    return found


def routes(bench, column, pinned):
    """The memory of a master whose contexts are all behind one other."""
    return [('routes-%d' % count, stay(bench, column, pinned, 'routes', count)[1][0]) for count in bench.counts]


def pending(bench, column, pinned):
    """The memory of a master whose calls are not answered."""
    return [('pending-%d' % count, stay(bench, column, pinned, 'pending', count)[1][0]) for count in bench.counts]


def stay(bench, column, pinned, what, *numbers):
    command = [bench.fixture, 'measure'] if column == OWN else bench.peer(column)
    return staying(command + [what, *numbers], pinned, bench.peer_environment())


class Group:
    """A function of this file, whose figures it measures, whether they depend on the processors, and what it needs."""

    def __init__(self, function, columns=PEERS, depends=True, once=False, programs=()):
        self.function = function
        self.columns = columns
        self.depends = depends
        self.once = once
        self.programs = programs
        self.has_many = function in (contexts, routes, pending)


GROUPS = {
    'calls': Group(calls),
    'stream': Group(stream),
    'chains': Group(chains),
    'ssh': Group(ssh, programs=('ssh',)),
    'file': Group(file, (SSH,) + PEERS, programs=('ssh',)),
    'hosts': Group(hosts, (CLUSH, PSSH) + PEERS + (HELD,), programs=('ssh', 'clush', 'parallel-ssh')),
    'wire': Group(wire, (SSH,) + PEERS, depends=False, once=True, programs=('ssh',)),
    'contexts': Group(contexts, once=True),
    'routes': Group(routes, depends=False, once=True),
    'pending': Group(pending, depends=False, once=True),
}
