import sys

import mitogen.unix
import mitogen.utils

@mitogen.utils.with_router
def main(router):
    context = router.local()
    mitogen.unix.Listener.build_stream(router, path=sys.argv[1])
    print(context.context_id)
    sys.stdout.flush()
    sys.stdin.read()

main()
