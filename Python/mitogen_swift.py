# This source file is part of the Mitogen for Swift open source project
#
# SPDX-License-Identifier: Apache-2.0

"""Programs that are written with Mitogen for Swift, in trees of the Python Mitogen.

A Swift program is started like a Python interpreter, by any connection method, where its file is on the target:

    context = router.ssh(hostname='web1', python_path=mitogen_swift.program('/usr/local/bin/inventory'))

Functions that it has registered are called by their names, with positional or keyword arguments:

    uptime = mitogen_swift.function('inventory.uptime')
    context.call(uptime, unit='hours')
"""

__all__ = ['function', 'program']


def program(path, *arguments):
    """
    What is to be given as `python_path` to a connection method, to start a Swift program instead of Python.

    :param path:
        The program on the target, or a wrapper that executes it.
    :param arguments:
        The wrapper's arguments, the last of which is the program.
    """
    return [path] + list(arguments) + ['mitogen:python']


class function(object):
    """
    A function that a Swift program has registered, to be given to :meth:`Context.call` and its like.

    :param str name:
        Its name, of the form `module.function`.
    """

    def __init__(self, name):
        module, dot, self.__name__ = name.rpartition('.')
        if not (module and self.__name__):
            raise ValueError('%r is not of the form module.function' % (name,))
        self.__module__ = module

    def __repr__(self):
        return 'mitogen_swift.function(%r)' % ('%s.%s' % (self.__module__, self.__name__),)
