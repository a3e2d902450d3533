/** Whether two ETags are of one content. They come with quotes and without; nothing has an empty one. */
export function isSameEtag(one: string | undefined, other: string): boolean {
  return one !== undefined && one !== '' && one.replaceAll('"', '') === other.replaceAll('"', '');
}
