"""Runs the steps with asyncssh. Arguments: PORT USER IDENTITY."""
import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography: Blowfish is deprecated

import asyncssh

from lines import serve

port, user, identity = sys.argv[1:]
loop = asyncio.new_event_loop()
connection = loop.run_until_complete(
    asyncssh.connect("127.0.0.1", port=int(port), username=user, client_keys=[identity], known_hosts=None)
)
sftp = loop.run_until_complete(connection.start_sftp_client())
piece = 4 * 1024 * 1024


async def resume_put(local, remote):
    size = (await sftp.stat(remote)).size
    with open(local, "rb") as source:
        source.seek(size)
        async with sftp.open(remote, "r+b") as target:
            await target.seek(size)
            while data := source.read(piece):
                await target.write(data)


async def resume_get(remote, local):
    async with sftp.open(remote, "rb") as source:
        with open(local, "ab") as target:
            await source.seek(target.tell())
            while data := await source.read(piece):
                target.write(data)


async def append(local, remote):
    async with sftp.open(remote, "ab") as target:
        with open(local, "rb") as source:
            await target.write(source.read())


async def change(remote, offset, text):
    async with sftp.open(remote, "r+b") as target:
        await target.write(text.encode(), int(offset))


async def df(path):
    return (await sftp.statvfs(path)).bavail


def finished(step):
    return lambda *arguments: loop.run_until_complete(step(*arguments))


steps = {
    "put": sftp.put,
    "get": sftp.get,
    "resumePut": resume_put,
    "resumeGet": resume_get,
    "rename": sftp.rename,
    "replace": sftp.posix_rename,
    "mkdir": sftp.mkdir,
    "rmdir": sftp.rmdir,
    "putTree": lambda local, remote: sftp.put(local, remote, recurse=True),
    "getTree": lambda remote, local: sftp.get(remote, local, recurse=True),
    "putTimes": lambda local, remote: sftp.put(local, remote, preserve=True),
    "chmod": lambda mode, path: sftp.chmod(path, int(mode, 8)),
    "append": append,
    "change": change,
    "truncate": lambda path, size: sftp.truncate(path, int(size)),
    "symlink": sftp.symlink,
    "df": df,
}
serve({name: finished(step) for name, step in steps.items()})
connection.close()
loop.run_until_complete(connection.wait_closed())
