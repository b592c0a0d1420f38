"""Writes what scripts/bench-peers has measured as tables in Markdown."""
import re

from measurements import CLUSH, DEPTHS, EXECNET, HELD, MITOGEN, OWN, PSSH, SSH
from results import ALL, ONE

BEGIN, END = '<!-- bench-peers: begin -->', '<!-- bench-peers: end -->'
DASH = '–'
LESS, MORE = False, True


class Row:
    """A line of a table: the figure's name, what it is called, its unit, and whether more of it is better."""

    def __init__(self, name, title, unit, is_more_better=LESS, scale=1.0):
        self.name, self.title, self.unit = name, title, unit
        self.is_more_better, self.scale = is_more_better, scale


def chain_rows():
    rows = [Row('chain-connect-%d' % depth, 'chain of %d: connections, first call' % depth, 'ms') for depth in DEPTHS]
    return rows + [Row('chain-call-%d' % depth, 'chain of %d: round trip' % depth, 'µs') for depth in DEPTHS]


ROWS = [
    Row('connect', 'local connection and first call', 'ms'),
    Row('fork', 'fork and first call', 'ms'),
    Row('call', 'call, round trip', 'µs'),
    Row('flight', 'calls, 1,000 in flight', '/s', MORE),
    Row('stream', 'values through a channel, child to master', '/s', MORE),
    Row('arguments', 'arguments of 1 MiB', 'MiB/s', MORE),
] + chain_rows() + [
    Row('ssh-first', 'ssh: first connection and call', 'ms'),
    Row('ssh-later', 'ssh: later connection and call', 'ms'),
    Row('file', 'file by ssh, 256 MiB', 'MiB/s', MORE),
]
ONCE = [
    Row('memory', 'private memory of an idle child', 'MiB', LESS, 1 / 1024),
    Row('wire-first', 'bytes of a first connection by ssh', 'KB', LESS, 1 / 1000),
    Row('wire-later', 'bytes of a later connection by ssh', 'KB', LESS, 1 / 1000),
]
HOSTS = [
    (CLUSH, '`clush -f 64 -b`'), (PSSH, '`parallel-ssh -p 64 -i`'), (MITOGEN, 'Mitogen, 48 threads'),
    (EXECNET, 'execnet, one after the other'), (OWN, '`mitogen run --output gather`, image in the cache'),
    (HELD, 'the same through `mitogen hold`'),
]


def number(value):
    """Three digits, and commas between thousands."""
    if value is None:
        return DASH
    if value >= 100:
        return '{:,}'.format(int(round(value, min(0, 3 - len('%d' % value)))))
    return '%.3g' % value if value >= 0.1 else '%.2g' % value


def factor(row, own, peer):
    """How many times better the own figure is."""
    if own is None or peer is None:
        return DASH
    return number(own / peer if row.is_more_better else peer / own) + ' ×'


def table(results, rows, mode):
    lines = [
        '| figure | unit | ssh alone | Mitogen for Swift | Mitogen | execnet | better than Mitogen | better than execnet |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for row in rows:
        values = {column: results.median(row.name, mode, column) for column in (SSH, OWN, MITOGEN, EXECNET)}
        cells = [row.title, row.unit] + [number(value and value * row.scale) for value in values.values()]
        cells += [factor(row, values[OWN], values[column]) for column in (MITOGEN, EXECNET)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return lines


def hosts_table(results):
    lines = ['| program | all processors, s | one processor, s | time of clush |', '|---|---|---|---|']
    for column, title in HOSTS:
        values = [results.median('hosts', mode, column) for mode in (ALL, ONE)]
        clush = results.median('hosts', ALL, CLUSH)
        ratio = number(values[0] / clush) + ' ×' if clush and values[0] else DASH
        lines.append('| ' + ' | '.join([title] + [number(value) for value in values] + [ratio]) + ' |')
    return lines


def rounds(results):
    counts = [len(samples) for modes in results.rows.values() for columns in modes.values() for samples in columns.values()]
    return max(counts, default=0)


def heading(results):
    facts = dict(results.machine, rounds=rounds(results))
    text = (
        'Measured on {date}: {processors} processors ({processor}), {kernel}. {own}; Mitogen {mitogen} and execnet {execnet} '
        'on {python}; {ssh}; clush: {clush}; parallel-ssh: {pssh}. Medians of {rounds} rounds.').format(**facts)
    return [text + (' Of no use but to see that everything runs: --quick.' if facts['quick'] else '')]


def markdown(results):
    return '\n'.join(
        heading(results)
        + ['', '### All processors', ''] + table(results, ROWS, ALL)
        + ['', '### One processor', ''] + table(results, ROWS, ONE)
        + ['', '### Memory and bytes', ''] + table(results, ONCE, ALL)
        + ['', '### `uname` on 48 hosts', ''] + hosts_table(results)) + '\n'


def replaced(page, text):
    """A page with another text between the markers; ValueError if they are not there once each."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError('it has to have "%s" and "%s" once each' % (BEGIN, END))
    return re.sub(re.escape(BEGIN) + '.*?' + re.escape(END), lambda _: BEGIN + '\n\n' + text + '\n' + END, page, flags=re.S)
