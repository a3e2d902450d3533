"""With `lists`, prints the algorithms that asyncssh supports. With PORT USER IDENTITY, connects once for each case on stdin.

Each case is a line of JSON with kex, cipher, mac and hostKey. For each, a line is printed: `ok`, or the error.
"""
import asyncio
import json
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography: Blowfish is deprecated

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs


async def attempt(port, user, identity, case):
    try:
        async with asyncssh.connect(
            "127.0.0.1", port, username=user, client_keys=[identity], known_hosts=None, config=None,
            kex_algs=[case["kex"]], encryption_algs=[case["cipher"]], mac_algs=[case["mac"]],
            server_host_key_algs=[case["hostKey"]],
        ) as connection:
            async with connection.start_sftp_client() as sftp:
                await sftp.listdir("/")
        return "ok"
    except Exception as error:
        return repr(error)


async def main():
    for line in sys.stdin:
        print(await attempt(int(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(line)))


if sys.argv[1] == "lists":
    lists = {
        "kex": get_kex_algs(),
        "cipher": get_encryption_algs(),
        "mac": get_mac_algs(),
        "hostKey": get_public_key_algs(),
    }
    print(json.dumps({name: [algorithm.decode() for algorithm in found] for name, found in lists.items()}))
else:
    asyncio.run(main())
