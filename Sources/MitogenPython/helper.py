# This source file is part of the Mitogen for Swift open source project
#
# SPDX-License-Identifier: Apache-2.0

# The process that knows the installed Python package, see HelperProgram.swift, which puts SEARCH_PATH, ALLOWED, BLOCKED and
# CONFIGURATION in front of this text.

import binascii, logging, os, sys, zlib
# The folder in which the master happens to run is no place for modules.
sys.path = SEARCH_PATH + [folder for folder in sys.path if folder]
try:
    import mitogen.core, mitogen.master, mitogen.parent
except ImportError:
    sys.stderr.write('%s\n' % (sys.exc_info()[1],))
    sys.stderr.flush()
    os._exit(69)


class Record(object):
    def __init__(self, **items):
        self.__dict__.update(items)


class NoImporter(object):
    def _install_handler(self, router):
        pass

    def find_module(self, fullname, path=None):
        return None

    def find_spec(self, fullname, path=None, target=None):
        return None


class NoRouter(object):
    def add_handler(self, *args, **kwargs):
        pass


if hasattr(mitogen.core, 'ImportPolicy'):
    # What is allowed is added below, and mitogen itself with it.
    POLICY = mitogen.core.ImportPolicy(set(), set())
    RESPONDER = mitogen.master.ModuleResponder(NoRouter(), POLICY)
else:
    POLICY = None
    RESPONDER = mitogen.master.ModuleResponder(NoRouter())
for name in ALLOWED:
    RESPONDER.whitelist_prefix(name)
for name in BLOCKED:
    RESPONDER.blacklist_prefix(name)
FINDER = RESPONDER._finder
FOUND = set()


def is_unrelated(requested, name):
    # Upstream asks what its program has imported. Nothing was imported here, so the source decides.
    if name == '__main__' or name.split('.')[0] != requested.split('.')[0]:
        return True
    try:
        path, source, _ = FINDER.get_module_source(name)
    except (Exception, SystemExit):
        # Looking for it imports the packages around it, which may need another version of Python.
        return True
    return source is None or mitogen.master.is_stdlib_path(path)


FINDER._reject_related_module = is_unrelated


def entry(parts):
    message = mitogen.core.Message.pickled(parts)
    return {'name': parts[0], 'data': message.data, 'related': list(parts[4]), 'isMissing': parts[2] is None}


def is_own(name):
    # The main module here is this program. Those of packages would run when they are looked into.
    return '__main__' in name.split('.') and name not in FINDER._found_cache


def is_denied(name):
    return POLICY.denied(name) if POLICY else mitogen.core.is_blacklisted_import(RESPONDER, name)


def modules(name):
    if is_own(name):
        return []
    try:
        parts = RESPONDER._build_tuple(name)
    except (Exception, SystemExit):
        logging.getLogger('mitogen').debug('cannot serve %s', name, exc_info=True)
        return []
    found = []
    for other in parts[4]:
        if other not in FOUND:
            FOUND.add(other)
            try:
                found.append(entry(RESPONDER._build_tuple(other)))
            except (Exception, SystemExit):
                pass
    FOUND.add(name)
    return found + [entry(parts)]


def resource(package, name):
    import importlib.util
    parts = name.split('/')
    if is_own(package) or is_denied(package) or any(part in ('', '.', '..') or '\0' in part for part in parts):
        return None
    try:
        spec = importlib.util.find_spec(package)
    except (Exception, SystemExit):
        return None
    for folder in (spec and spec.submodule_search_locations) or []:
        path = os.path.realpath(os.path.join(folder, *parts))
        # A link may lead out of the package.
        if path.startswith(os.path.realpath(folder) + os.sep) and os.path.isfile(path):
            with open(path, 'rb') as file:
                return file.read()
    return None


def add_script(name, path):
    with open(path, 'rb') as file:
        source = file.read()
    compile(source, path, 'exec')
    RESPONDER._cache.pop(name, None)
    RESPONDER.add_source_override(name, path, source, False)


class SizeOfProgram(object):
    def __len__(self):
        return 987654321


def program(level):
    options = Record(
        max_message_size=1, debug=False, profiling=False, unidirectional=False, remote_name='CONTEXT_NAME',
    )
    policy_holder = Record(policy=POLICY)
    connection = Record(
        options=options,
        context=Record(context_id=1),
        _router=Record(
            importer=policy_holder, responder=policy_holder,
            get_module_whitelist=lambda: RESPONDER.whitelist, get_module_blacklist=lambda: RESPONDER.blacklist,
        ),
        _first_stage=mitogen.parent.Connection._first_stage,
        get_python_argv=lambda: ['python'],
        get_preamble=SizeOfProgram,
    )
    config = mitogen.parent.Connection.get_econtext_config(connection)
    for key in 'parent_ids', 'context_id', 'debug', 'profiling', 'unidirectional', 'max_message_size':
        del config[key]
    if 'log_levels' in config:
        config['log_levels'] = (level, level, max(level, 20))
    if 'log_level' in config:
        config['log_level'] = level
    words = mitogen.parent.Connection.get_boot_command(connection)[1:]
    size = str(len(SizeOfProgram()))
    if words[-2:] == ['CONTEXT_NAME', size]:
        head, tail = words[:-2], []
    else:
        # An older package writes both into the text, which is compressed and in quotes.
        text = words[1].split('"')[1]
        source = zlib.decompress(binascii.a2b_base64(text))
        encoded = binascii.b2a_base64(zlib.compress(source, 9)).decode().strip()
        stage = 'zlib.decompress(binascii.a2b_base64(sys.argv[1])).decode()'
        decoder = words[1].split('exec(')[0] + (
            'exec(%s.replace(sys.argv[4],sys.argv[2]).replace(sys.argv[5],sys.argv[3]))' % (stage,)
        )
        head, tail = ['-c', decoder, encoded], ['CONTEXT_NAME', size]
    core = mitogen.parent.get_core_source_partial()
    return {
        'head': head,
        'tail': tail,
        'beginning': core._out,
        'checksum': zlib.adler32(core.s) & 0xffffffff,
        'settings': ', '.join('%r: %r' % item for item in sorted(config.items())),
    }


# Descriptor 0 must not be the one that is free when the connection is duplicated.
connection = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
CONFIGURATION.update(
    import_overrides=[], import_blocks=[], whitelist=[], blacklist=[], log_level=30, log_levels=(30, 30, 30),
    version=mitogen.__version__, in_fd=connection, core_src_fd=None, setup_package=False, importer=NoImporter(),
)
try:
    mitogen.core.ExternalContext(CONFIGURATION).main()
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
