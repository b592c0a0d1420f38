import sys

import mitogen.utils
import mitogen_swift

@mitogen.utils.with_router
def main(router):
    # Or router.ssh(hostname='web1', python_path=...), and so on.
    context = router.local(python_path=mitogen_swift.program(sys.argv[1]))
    print(context.call(mitogen_swift.function('inventory.uptime'), unit='hours'))

main()
