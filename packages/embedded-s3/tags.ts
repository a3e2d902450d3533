import { invalidArgument, malformedXml, S3Error } from './errors.js';
import type { Tag } from './storage/records.js';
import type { XmlElement, XmlReader } from './xml.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const maxTags = 10;
const maxKeyLength = 128;
const maxValueLength = 256;

const invalidTag = (message: string): S3Error => new S3Error('InvalidTag', 400, message);

function checkTags(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > maxTags) throw new S3Error('BadRequest', 400, 'Object tags cannot be greater than 10');
  for (const { key, value } of tags) {
    if (key === '' || key.length > maxKeyLength) throw invalidTag('The TagKey you have provided is invalid');
    if (value.length > maxValueLength) throw invalidTag('The TagValue you have provided is invalid');
    if (key.startsWith('aws:')) throw invalidTag('System tags cannot be added/updated by requester');
  }
  return tags;
}

/**
 * Returns the tags of an `x-amz-tagging` header: a URL query. Throws InvalidArgument, InvalidTag,
 * BadRequest.
 */
export function parseTagHeader(header: string | undefined): readonly Tag[] {
  if (header === undefined) return [];
  const tags = [...new URLSearchParams(header)].map(([key, value]) => ({ key, value }));
  if (new Set(tags.map((tag) => tag.key)).size !== tags.length) {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      'x-amz-tagging',
      header,
    );
  }
  return checkTags(tags);
}

/** Returns the tags of a Tagging document. Throws MalformedXML, InvalidTag, BadRequest. */
export function parseTagging(document: XmlReader): readonly Tag[] {
  const set = document.child('TagSet');
  if (set === null) throw malformedXml();
  const tags = set.all('Tag').map((tag) => {
    const key = tag.text('Key');
    const value = tag.text('Value');
    if (key === null || value === null) throw malformedXml();
    return { key, value };
  });
  if (new Set(tags.map((tag) => tag.key)).size !== tags.length) {
    throw invalidTag('Cannot provide multiple Tags with the same key');
  }
  return checkTags(tags);
}

export function renderTagging(tags: readonly Tag[]): XmlElement {
  return [
    [
      'TagSet',
      tags.map(
        ({ key, value }) =>
          [
            'Tag',
            [
              ['Key', key],
              ['Value', value],
            ],
          ] as const,
      ),
    ],
  ];
}
