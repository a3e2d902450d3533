import { keyExchangeFault, protocolFault } from '../wire/fault.js';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { encodeMpint, WireWriter } from '../wire/writer.js';
import { agreeDh } from './dh-group.js';
import { expectKexMessage, type KexAgreement, type KexReply, type KexRun } from './method.js';
import { chooseGroup, type DhGroup, type GroupRequest, primeOf } from './safe-primes.js';

/** The generator 2 as a magnitude. */
const generator = Buffer.from([2]);

/** diffie-hellman-group-exchange-sha256 (RFC 4419). The old request without bounds is not supported. */
export class DhGroupExchangeRun implements KexRun {
  #chosen: { readonly request: GroupRequest; readonly group: DhGroup; readonly prime: Buffer } | null = null;

  receive(type: number, payload: Buffer): KexReply | KexAgreement {
    return this.#chosen === null ? this.#offerGroup(type, payload) : this.#agree(type, payload);
  }

  #offerGroup(type: number, payload: Buffer): KexReply {
    expectKexMessage(type, Message.kexGexRequest);
    const reader = new WireReader(payload, 1);
    const request = { minBits: reader.u32(), preferredBits: reader.u32(), maxBits: reader.u32() };
    reader.end();
    const { minBits, preferredBits, maxBits } = request;
    if (minBits > preferredBits || preferredBits > maxBits) {
      throw protocolFault(`group sizes out of order: ${minBits}, ${preferredBits}, ${maxBits}`);
    }
    const group = chooseGroup(request);
    if (group === null) throw keyExchangeFault(`no group has ${minBits} to ${maxBits} bits`);
    const prime = primeOf(group);
    this.#chosen = { request, group, prime };
    const payloadOfReply = new WireWriter(prime.byteLength + 16)
      .u8(Message.kexGexGroup)
      .mpint(prime)
      .mpint(generator)
      .finish();
    return { kind: 'reply', payload: payloadOfReply };
  }

  #agree(type: number, payload: Buffer): KexAgreement {
    expectKexMessage(type, Message.kexGexInit);
    if (this.#chosen === null) throw protocolFault('group was not requested');
    const { request, group, prime } = this.#chosen;
    const reader = new WireReader(payload, 1);
    const clientShare = reader.mpint();
    reader.end();
    const { share, secret } = agreeDh(group.name, clientShare);
    const serverShare = encodeMpint(share);
    const sizes = new WireWriter(12).u32(request.minBits).u32(request.preferredBits).u32(request.maxBits);
    return {
      kind: 'agreed',
      replyType: Message.kexGexReply,
      serverShare,
      transcript: [
        sizes.finish(),
        encodeMpint(prime),
        encodeMpint(generator),
        encodeMpint(clientShare),
        serverShare,
      ],
      secret: encodeMpint(secret),
    };
  }
}
