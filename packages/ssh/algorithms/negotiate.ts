import type { KexInit, KexListName, KexLists } from '../kex/kexinit.js';
import { type CipherAlgorithm, cipherAlgorithms } from './ciphers.js';
import { type HostKeyAlgorithm, hostKeyAlgorithms } from './host-key-algorithms.js';
import { type KexAlgorithm, KexMarker, kexAlgorithms } from './kex-methods.js';
import { type MacAlgorithm, macAlgorithms } from './macs.js';

/** The names that the server offers, the preferred first. */
export interface AlgorithmOffer {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
}

export interface NegotiatedDirection {
  readonly cipher: CipherAlgorithm;
  /** Null when the cipher authenticates (RFC 5647 section 5.1 as OpenSSH reads it: the negotiated MAC is ignored). */
  readonly mac: MacAlgorithm | null;
}

export interface NegotiatedAlgorithms {
  readonly kex: KexAlgorithm;
  readonly hostKey: HostKeyAlgorithm;
  readonly clientToServer: NegotiatedDirection;
  readonly serverToClient: NegotiatedDirection;
  /** The client's guess was wrong: the next message of a method is ignored (RFC 4253 section 7). */
  readonly isGuessWrong: boolean;
}

/** A list without a common name. */
export interface Mismatch {
  readonly list: KexListName;
  readonly client: readonly string[];
  readonly server: readonly string[];
}

/** Thrown when client and server have no algorithm in common. */
export class MismatchError extends Error {
  readonly mismatch: Mismatch;

  constructor(mismatch: Mismatch) {
    const { list, client, server } = mismatch;
    super(
      `no common algorithm for ${listLabels[list]}: client offers ${client.join(',')}; server offers ${server.join(',')}`,
    );
    this.name = 'MismatchError';
    this.mismatch = mismatch;
  }
}

const listLabels: Readonly<Record<KexListName, string>> = {
  kex: 'key exchange',
  hostKey: 'host key',
  cipherClientToServer: 'cipher (client to server)',
  cipherServerToClient: 'cipher (server to client)',
  macClientToServer: 'MAC (client to server)',
  macServerToClient: 'MAC (server to client)',
  compressionClientToServer: 'compression (client to server)',
  compressionServerToClient: 'compression (server to client)',
  languageClientToServer: 'language (client to server)',
  languageServerToClient: 'language (server to client)',
};

/** Returns all names that the package supports; the host key algorithms are those of the keys given. */
export function fullOffer(hostKeyTypes: readonly string[]): AlgorithmOffer {
  return {
    kex: kexAlgorithms.map(({ name }) => name),
    hostKey: hostKeyAlgorithms
      .filter(({ keyType }) => hostKeyTypes.includes(keyType))
      .map(({ name }) => name),
    cipher: cipherAlgorithms.map(({ name }) => name),
    mac: macAlgorithms.map(({ name }) => name),
  };
}

/**
 * Returns the offer as it fits a client whose KEXINIT is known. In SSH the client's order decides, so that the server chooses by
 * leaving names out: all ciphers but AES-GCM when the client offers AES-GCM, which takes the least CPU time; and
 * chacha20-poly1305 when the client has another common cipher and does not support strict key exchange, since a message can then
 * be cut off at the start of the connection unnoticed (CVE-2023-48795).
 */
export function tailorOffer(offer: AlgorithmOffer, client: KexInit): AlgorithmOffer {
  const isCommon = (name: string) =>
    client.cipherClientToServer.includes(name) && client.cipherServerToClient.includes(name);
  const kindOf = (name: string) => cipherAlgorithms.find((cipher) => cipher.name === name)?.kind;
  const common = offer.cipher.filter(isCommon);
  const gcm = common.filter((name) => kindOf(name) === 'gcm');
  if (gcm.length > 0) return { ...offer, cipher: gcm };
  const isStrict = client.kex.includes(KexMarker.strictClient);
  const withoutChacha = offer.cipher.filter((name) => kindOf(name) !== 'chacha20-poly1305');
  if (!isStrict && withoutChacha.some(isCommon)) return { ...offer, cipher: withoutChacha };
  return offer;
}

/** Returns the lists of the server's KEXINIT. `markers` are announced in the list of key exchange methods. */
export function kexListsOf(offer: AlgorithmOffer, markers: readonly string[]): KexLists {
  return {
    kex: [...offer.kex, ...markers],
    hostKey: offer.hostKey,
    cipherClientToServer: offer.cipher,
    cipherServerToClient: offer.cipher,
    macClientToServer: offer.mac,
    macServerToClient: offer.mac,
    compressionClientToServer: ['none'],
    compressionServerToClient: ['none'],
    languageClientToServer: [],
    languageServerToClient: [],
  };
}

/** Returns the first name of the client's list that the server offers too (RFC 4253 section 7.1). */
function choose<T extends { readonly name: string }>(
  list: KexListName,
  client: KexLists,
  server: KexLists,
  table: readonly T[],
): T {
  const name = client[list].find((candidate) => server[list].includes(candidate));
  const algorithm = table.find((entry) => entry.name === name);
  if (algorithm !== undefined) return algorithm;
  throw new MismatchError({ list, client: client[list], server: server[list] });
}

const compressions = [{ name: 'none' }] as const;

/** Returns the algorithms that both KEXINIT messages lead to. Throws a `MismatchError` when a list has no common name. */
export function negotiate(client: KexInit, server: KexLists): NegotiatedAlgorithms {
  const kex = choose('kex', client, server, kexAlgorithms);
  const hostKey = choose('hostKey', client, server, hostKeyAlgorithms);
  const direction = (suffix: 'ClientToServer' | 'ServerToClient'): NegotiatedDirection => {
    const cipher = choose(`cipher${suffix}`, client, server, cipherAlgorithms);
    const mac = cipher.tagBytes > 0 ? null : choose(`mac${suffix}`, client, server, macAlgorithms);
    choose(`compression${suffix}`, client, server, compressions);
    return { cipher, mac };
  };
  return {
    kex,
    hostKey,
    clientToServer: direction('ClientToServer'),
    serverToClient: direction('ServerToClient'),
    isGuessWrong: client.firstKexPacketFollows && !isGuessRight(client, server),
  };
}

/** A guess is right when both sides prefer the same key exchange method and the same host key algorithm (RFC 4253 section 7). */
function isGuessRight(client: KexLists, server: KexLists): boolean {
  return client.kex[0] === server.kex[0] && client.hostKey[0] === server.hostKey[0];
}
