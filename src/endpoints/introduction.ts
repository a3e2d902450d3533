/** The beginning of docs/API.md. */
export const apiIntroduction = `# The API

The API does what the commands do: it manages users, keys, objects and the state of a running gateway. This page is
generated from the schemas of the operations (\`npm run docs:api\`). A running gateway has the same as an OpenAPI
document at \`/api/openapi.json\`.

## How to call it

People and programs call the console's process over HTTP or HTTPS (\`console.listen\`, default \`127.0.0.1:8080\`). They
send a token of \`sftpgw admin token create\`:

\`\`\`sh
sftpgw admin token create --label report --role viewer --expires 90d >report.token
curl -H "Authorization: Bearer $(cat report.token)" http://127.0.0.1:8080/api/users
\`\`\`

On the gateway's machine, its owner can call the control socket without the console. Such a request names its person
and role:

\`\`\`sh
curl --unix-socket /var/lib/sftpgw/control.sock -H 'x-sftpgw-person: root' -H 'x-sftpgw-role: admin' \\
  http://gateway/api/users
\`\`\`

## Rules of all operations

* **Roles.** \`viewer\` reads everything except the content of objects. \`operator\` manages users, objects, mirrors and
  bans. \`custodian\` manages keys, rotations and recovery. \`admin\` may do everything. A token may also be limited to
  groups of operations (\`--scope\`).
* **Faults.** A failed request answers with a problem document (RFC 9457). Its \`detail\` states what failed and what to
  do, \`errors\` names the wrong fields, and \`requestId\` is the id of the request in the log.
* **Repetitions.** An operation that is not idempotent accepts the header \`Idempotency-Key\`. The gateway runs requests
  with the same key once within 24 hours, and answers a repetition with the answer of the first. It does not store an
  answer with a secret, or one of more than 64 KiB: a repetition of such a request gets 409.
* **Versions.** Users and settings have an \`ETag\`. A change needs it in the header \`If-Match\`. It fails with 412 if
  another client has changed the resource since it was read, and with 428 without the header.
* **Pages.** A list answers with \`items\` and \`next\`. The following page has \`cursor\` set to \`next\`; on the last page
  \`next\` is null. Items that others add or remove between two requests do not move the rest.
* **Bounds.** A JSON body has up to 1 MiB and 30 seconds. A body or an answer of bytes may pause for 60 seconds. The
  gateway works on up to 64 requests in parallel and answers more with 503. The console answers 429 to an address with
  more than 1,200 requests a minute, or 20 with a wrong token.

## Operations
`;
