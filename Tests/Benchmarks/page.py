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
    Row('file', 'file by ssh, {mebibytes} MiB', 'MiB/s', MORE),
]
ONCE = [
    Row('memory', 'private memory of an idle child', 'MiB', LESS, 1 / 1024),
    Row('wire-first', 'bytes of a first connection by ssh', 'KB', LESS, 1 / 1000),
    Row('wire-later', 'bytes of a later connection by ssh', 'KB', LESS, 1 / 1000),
]
HOSTS = [
    (CLUSH, '`clush -f 64 -b`'), (PSSH, '`parallel-ssh -p 64 -i`'), (MITOGEN, 'Mitogen, {hosts} threads'),
    (EXECNET, 'execnet, one after the other'), (OWN, '`mitogen run --output gather`, image in the cache'),
    (HELD, 'the same through `mitogen hold`'),
]


def titled(title, results):
    """What it is called, with how much was measured."""
    return title.format(mebibytes=results.machine['file_size'] >> 20, hosts=results.machine['hosts'])


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
        '| figure | unit | ssh alone | Mitogen for Swift | Mitogen | execnet '
        '| better than Mitogen | better than execnet |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for row in rows:
        values = {column: results.median(row.name, mode, column) for column in (SSH, OWN, MITOGEN, EXECNET)}
        cells = [titled(row.title, results), row.unit]
        cells += [number(value and value * row.scale) for value in values.values()]
        cells += [factor(row, values[OWN], values[column]) for column in (MITOGEN, EXECNET)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return lines


def hosts_table(results):
    lines = ['| program | all processors, s | one processor, s | time of clush |', '|---|---|---|---|']
    for column, title in HOSTS:
        values = [results.median('hosts', mode, column) for mode in (ALL, ONE)]
        clush = results.median('hosts', ALL, CLUSH)
        ratio = number(values[0] / clush) + ' ×' if clush and values[0] else DASH
        cells = [titled(title, results)] + [number(value) for value in values] + [ratio]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return lines


def rounds(results):
    """What the figures are made of: the median of two is their mean."""
    columns = [columns for modes in results.rows.values() for columns in modes.values()]
    count = max((len(samples) for samples in columns for samples in samples.values()), default=0)
    return {1: 'One round', 2: 'Means of 2 rounds'}.get(count, 'Medians of %d rounds' % count)


def heading(results):
    facts = dict(results.machine, rounds=rounds(results))
    text = (
        'Measured on {date}: {processors} processors ({processor}), {kernel}. {own}; Mitogen {mitogen} and '
        'execnet {execnet} on {python}; {ssh}; clush {clush}; parallel-ssh {pssh}. {rounds}; one for bytes and plot.'
    ).format(**facts)
    return [text + (' Measured with --quick: only shows that everything runs.' if facts['quick'] else '')]


def markdown(results):
    return '\n'.join(
        heading(results)
        + ['', '### All processors', ''] + table(results, ROWS, ALL)
        + ['', '### One processor', ''] + table(results, ROWS, ONE)
        + ['', '### Memory and bytes', ''] + table(results, ONCE, ALL)
        + ['', '' + titled('### `uname` on {hosts} hosts', results), ''] + hosts_table(results)) + '\n'


def replaced(page, text):
    """A page with another text between the markers; ValueError if they are not there once each."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError('it has to have "%s" and "%s" once each' % (BEGIN, END))
    new = BEGIN + '\n\n' + text + '\n' + END
    return re.sub(re.escape(BEGIN) + '.*?' + re.escape(END), lambda _: new, page, flags=re.S)
