import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { parseS3Url, s3Url } from '../../objects/s3-url.js';
import type { TreeRequest } from '../../operations/jobs/kinds.js';
import { operation } from '../context.js';
import { bucketName, strict } from '../schemas.js';
import { exampleJob, jobSchema, viewJob } from './view.js';

const treeLocation = Type.Object(
  {
    bucket: bucketName,
    prefix: Type.String({ maxLength: 1024, description: 'Empty for the whole bucket.' }),
  },
  strict,
);
const tree = {
  keepEncryption: Type.Optional(Type.Boolean()),
  allowDowngrade: Type.Optional(Type.Boolean()),
};

function refOf({ bucket, prefix }: { readonly bucket: string; readonly prefix: string }) {
  return parseS3Url(s3Url({ bucket, key: prefix }));
}

export const copyObjects = operation({
  id: 'copyObjects',
  group: 'objects',
  summary: 'Begin a job that copies or moves all objects below a prefix.',
  details:
    'Each copy is encrypted as the settings of its target require. Copies that exist already are skipped.',
  method: 'POST',
  path: '/api/objects/copy-tree',
  needs: 'operator',
  fourEyes: {
    requests: 'a request with `allowDowngrade`',
    summary: ({ body: { from, to, allowDowngrade } }) =>
      allowDowngrade === true
        ? `copy ${s3Url({ bucket: from.bucket, key: from.prefix })} to ${s3Url({ bucket: to.bucket, key: to.prefix })} with weaker encryption`
        : null,
  },
  body: Type.Object(
    { from: treeLocation, to: treeLocation, move: Type.Optional(Type.Boolean()), ...tree },
    strict,
  ),
  status: 202,
  answer: jobSchema,
  command: 'sftpgw object cp --recursive s3://my-bucket/bob/uploads/ s3://my-bucket/bill/uploads/',
  example: {
    body: {
      from: { bucket: 'my-bucket', prefix: 'bob/uploads/' },
      to: { bucket: 'my-bucket', prefix: 'bill/uploads/' },
    },
    answer: exampleJob,
  },
  handle: async ({ runner }, { body, person }) => {
    const { keepEncryption = false, allowDowngrade = false, move = false } = body;
    const request: TreeRequest = {
      from: refOf(body.from),
      to: refOf(body.to),
      keepEncryption,
      allowDowngrade,
    };
    return new Reply(viewJob(await runner.begin(move ? 'move-tree' : 'copy-tree', request, person.name)));
  },
});

export const removeObjects = operation({
  id: 'removeObjects',
  group: 'objects',
  summary: 'Begin a job that removes all objects below a prefix.',
  details: 'In a bucket with versioning, older versions stay.',
  method: 'POST',
  path: '/api/objects/remove-tree',
  needs: 'operator',
  body: Type.Object({ from: treeLocation }, strict),
  status: 202,
  answer: jobSchema,
  command: 'sftpgw object rm --recursive s3://my-bucket/bill/uploads/',
  example: {
    body: { from: { bucket: 'my-bucket', prefix: 'bill/uploads/' } },
    answer: { ...exampleJob, kind: 'remove-tree' },
  },
  handle: async ({ runner }, { body, person }) => {
    const request: TreeRequest = {
      from: refOf(body.from),
      to: null,
      keepEncryption: false,
      allowDowngrade: false,
    };
    return new Reply(viewJob(await runner.begin('remove-tree', request, person.name)));
  },
});
