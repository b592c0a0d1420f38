"""The figures of scripts/bench-peers: samples by group, row, mode and column, and where they were measured."""
import datetime
import json
import os
import statistics
import subprocess

from processes import BenchmarkError

# With one processor, with all that there are.
ONE, ALL = 'one', 'all'


class Results:
    def __init__(self, path):
        self.path = path
        self.groups = {}
        self.machine = {}

    @property
    def rows(self):
        return {row: modes for rows in self.groups.values() for row, modes in rows.items()}

    def load(self):
        """What an earlier run has measured; nothing if there was none."""
        if os.path.exists(self.path):
            with open(self.path, encoding='utf-8') as file:
                content = json.load(file)
            self.groups, self.machine = content['groups'], content['machine']
            if 'hosts' not in self.machine:
                raise BenchmarkError(self.path + ' is of an older version of this program: measure again')

    def save(self):
        with open(self.path, 'w', encoding='utf-8') as file:
            json.dump({'machine': self.machine, 'groups': self.groups}, file, indent=1, sort_keys=True)
            file.write('\n')

    def add(self, group, row, mode, column, value):
        rows = self.groups.setdefault(group, {})
        rows.setdefault(row, {}).setdefault(mode, {}).setdefault(column, []).append(value)

    def forget(self, groups):
        """What is going to be measured again."""
        for group in groups:
            self.groups.pop(group, None)

    def median(self, row, mode, column):
        """None where there is no such thing to measure."""
        samples = self.rows.get(row, {}).get(mode, {}).get(column)
        return statistics.median(samples) if samples else None


def describe_machine(bench, python):
    """The machine, and the versions of everything that is measured."""
    packages = 'import importlib.metadata as m; print(m.version("mitogen"), m.version("execnet"))'
    mitogen, execnet = first_line([python, '-c', packages]).split()
    return {
        'date': datetime.date.today().isoformat(),
        'processor': processor(),
        'processors': os.cpu_count(),
        'kernel': ' '.join([os.uname().sysname, os.uname().release.partition('-')[0], os.uname().machine]),
        'own': first_line([bench.tool, '--version']),
        'python': first_line([python, '--version']),
        'mitogen': mitogen,
        'execnet': execnet,
        'ssh': first_line(['ssh', '-V']),
        'clush': first_line(['clush', '--version']).removeprefix('clush '),
        'pssh': first_line(['parallel-ssh', '--version']),
        'quick': bench.quick,
        'file_size': bench.file_size,
        'hosts': len(bench.hosts),
    }


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return 'unknown processor'


def first_line(command):
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        return 'not there'
    return (result.stdout.decode().strip().splitlines() or ['unknown'])[0]
