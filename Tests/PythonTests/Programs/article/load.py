import os
import subprocess
import mitogen.utils

def load():
    return os.getloadavg()[0]

def stop(service):
    subprocess.check_call(['systemctl', 'stop', service])

@mitogen.utils.with_router
def main(router):
    for host in 'web1', 'web2':
        account = router.sudo(via=router.ssh(hostname=host))
        if account.call(load) > 8:
            account.call(stop, 'indexer')

if __name__ == '__main__':
    main()
