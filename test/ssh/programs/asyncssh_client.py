"""Lists, puts and gets a file. Arguments: PORT USER IDENTITY UPLOAD REMOTE DOWNLOAD."""
import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography: Blowfish is deprecated

import asyncssh

port, user, identity, upload, remote, download = sys.argv[1:]


async def main():
    options = dict(port=int(port), username=user, client_keys=[identity], known_hosts=None)
    async with asyncssh.connect("127.0.0.1", **options) as connection:
        async with connection.start_sftp_client() as sftp:
            await sftp.put(upload, remote)
            print(*await sftp.listdir("/uploads"), sep="\n")
            await sftp.get(remote, download)


asyncio.run(main())
