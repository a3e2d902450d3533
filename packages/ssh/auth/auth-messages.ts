import { Message } from '../wire/message-numbers.js';
import { WireWriter } from '../wire/writer.js';
import type { MethodName, PromptRound } from './authenticator.js';

/** USERAUTH_SUCCESS (RFC 4252 section 5.1). */
export const successMessage: Uint8Array = Uint8Array.of(Message.userauthSuccess);

/** Returns USERAUTH_FAILURE (RFC 4252 section 5.1). `isPartial` states that the last request succeeded and others must follow. */
export function failureMessage(methods: readonly MethodName[], isPartial: boolean): Buffer {
  return new WireWriter(64).u8(Message.userauthFailure).nameList(methods).boolean(isPartial).finish();
}

/** Returns USERAUTH_BANNER (RFC 4252 section 5.4). `text` gets a line end. */
export function bannerMessage(text: string): Buffer {
  return new WireWriter().u8(Message.userauthBanner).string(`${text}\r\n`).string('').finish();
}

/** Returns USERAUTH_PK_OK (RFC 4252 section 7). */
export function keyAcceptableMessage(algorithm: string, blob: Uint8Array): Buffer {
  return new WireWriter(blob.byteLength + 64)
    .u8(Message.userauthPkOk)
    .string(algorithm)
    .string(blob)
    .finish();
}

/** Returns USERAUTH_INFO_REQUEST (RFC 4256 section 3.2). */
export function promptsMessage({ name = '', instruction = '', prompts }: PromptRound): Buffer {
  const writer = new WireWriter().u8(Message.userauthInfoRequest).string(name).string(instruction).string('');
  writer.u32(prompts.length);
  for (const { text, isEchoed } of prompts) writer.string(text).boolean(isEchoed);
  return writer.finish();
}
