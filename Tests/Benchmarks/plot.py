"""Draws what scripts/bench-peers has measured of many contexts, routes and calls, as SVG."""
import math
from html import escape

from measurements import EXECNET, MITOGEN, OWN
from results import ALL, ONE

PEERS = [(OWN, 'Mitogen for Swift', '#0b6e99'), (MITOGEN, 'Mitogen', '#c2410c'), (EXECNET, 'execnet', '#6b7280')]
# The rows, the mode, what is above a panel, what is below it, and what a value is multiplied with.
PANELS = [
    ('contexts-calls', ALL, 'calls a second, 1,000 in flight, all processors', 'contexts', 1.0),
    ('contexts-calls', ONE, 'calls a second, 1,000 in flight, one processor', 'contexts', 1.0),
    ('contexts-memory', ALL, 'MiB of private memory, all processes', 'contexts', 1 / 1024),
    ('contexts-master', ALL, 'MiB of private memory, master', 'contexts', 1 / 1024),
    ('routes', ALL, 'MiB of private memory, master', 'contexts behind one other (routes)', 1 / 1024),
    ('pending', ALL, 'MiB of private memory, master', 'calls without an answer', 1 / 1024),
]
COLUMNS, WIDTH, HEIGHT = 2, 470, 290
LEFT, RIGHT, TOP, BOTTOM, LEGEND = 66, 18, 34, 44, 40


class Panel:
    """Points on two logarithmic axes, which reach to whole powers of ten."""

    def __init__(self, series, x, y):
        self.series, self.x, self.y = series, x, y
        points = [point for values in series.values() for point in values]
        self.horizontal = powers(point[0] for point in points)
        self.vertical = powers(point[1] for point in points)

    def place(self, point):
        return (
            self.x + LEFT + share(point[0], self.horizontal) * (WIDTH - LEFT - RIGHT),
            self.y + HEIGHT - BOTTOM - share(point[1], self.vertical) * (HEIGHT - TOP - BOTTOM),
        )

    def axes(self, title, label):
        low, high = self.horizontal, self.vertical
        parts = [text(self.x + LEFT, self.y + 18, title, 'start', 'bold'),
                 text(self.x + LEFT + (WIDTH - LEFT - RIGHT) / 2, self.y + HEIGHT - 8, label, 'middle')]
        for power in range(low[0], low[1] + 1):
            x, y = self.place((10.0 ** power, 10.0 ** high[0]))
            parts += [line((x, y), (x, self.y + TOP)), text(x, y + 16, tick(power), 'middle')]
        for power in range(high[0], high[1] + 1):
            x, y = self.place((10.0 ** low[0], 10.0 ** power))
            parts += [line((x, y), (self.x + WIDTH - RIGHT, y)), text(x - 8, y + 4, tick(power), 'end')]
        return parts

    def lines(self):
        parts = []
        for column, _, colour in PEERS:
            places = [self.place(point) for point in self.series.get(column, [])]
            if places:
                path = ' '.join('%.1f,%.1f' % place for place in places)
                parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour))
                parts += ['<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (*place, colour) for place in places]
        return parts


def powers(values):
    values = list(values)
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return (low, max(high, low + 1))


def share(value, ends):
    return (math.log10(value) - ends[0]) / (ends[1] - ends[0])


def tick(power):
    return '{:,}'.format(10 ** power) if power >= 0 else '%g' % 10 ** power


def text(x, y, content, anchor, weight='normal'):
    place = 'x="%.1f" y="%.1f" text-anchor="%s" font-weight="%s"' % (x, y, anchor, weight)
    return '<text %s>%s</text>' % (place, escape(content))


def line(start, end):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#d1d5db"/>' % (*start, *end)


def series(results, name, mode, scale):
    """The points of each peer: a number of contexts, and the median with them."""
    found = {}
    for row in results.rows:
        count = row[len(name) + 1:]
        if row.startswith(name + '-') and count.isdigit():
            for column, _, _ in PEERS:
                value = results.median(row, mode, column)
                if value is not None:
                    found.setdefault(column, []).append((int(count), value * scale))
    return {column: sorted(points) for column, points in found.items()}


def legend():
    parts, x = [], LEFT
    for _, title, colour in PEERS:
        parts.append('<rect x="%d" y="14" width="22" height="4" fill="%s"/>' % (x, colour))
        parts.append(text(x + 30, 21, title, 'start'))
        x += 190
    return parts


def svg(results):
    """All panels; those without figures stay empty."""
    parts = legend()
    for index, (name, mode, title, label, scale) in enumerate(PANELS):
        found = series(results, name, mode, scale)
        if found:
            panel = Panel(found, index % COLUMNS * WIDTH, LEGEND + index // COLUMNS * HEIGHT)
            parts += panel.axes(title, label) + panel.lines()
    size = (COLUMNS * WIDTH, LEGEND + math.ceil(len(PANELS) / COLUMNS) * HEIGHT)
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">' % size
    background = '<rect width="100%" height="100%" fill="white"/>'
    return '\n'.join([head, background] + parts + ['</svg>']) + '\n'
