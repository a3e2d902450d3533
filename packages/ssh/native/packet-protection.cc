// Packet protection in place for AES-GCM (RFC 5647) and chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305), on the
// OpenSSL of the runtime. A packet lies in a buffer as length (4) | body | tag (16). Nothing is allocated for a packet.
//
//   createGcm(key, iv, isSealer) -> state      createChacha(key, isSealer) -> state
//   seal(state, buffer, offset, packetBytes, sequence)          packetBytes: length field and body, without the tag
//   open(state, buffer, offset, packetBytes, sequence) -> boolean
//   packetLength(state, buffer, offset, sequence) -> number     of chacha20-poly1305 only: decrypts the length field aside
#include <node_api.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kTagBytes = 16;
constexpr size_t kGcmIvBytes = 12;
constexpr size_t kChachaKeyBytes = 32;
// RFC 5647 section 7.1: the last 8 bytes of the nonce count invocations.
constexpr size_t kGcmFixedBytes = 4;
constexpr napi_type_tag kTypeTag = {0x7c1f5a0e9b3d4c62, 0xa4d2e86f13b0957c};

struct State {
  bool is_gcm = false;
  bool is_sealer = false;
  EVP_CIPHER_CTX* body = nullptr;
  EVP_CIPHER_CTX* header = nullptr;
  EVP_MAC_CTX* mac = nullptr;
  uint8_t iv[kGcmIvBytes] = {0};

  ~State() {
    EVP_CIPHER_CTX_free(body);
    EVP_CIPHER_CTX_free(header);
    EVP_MAC_CTX_free(mac);
    OPENSSL_cleanse(iv, sizeof iv);
  }
};

napi_value Fail(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

bool Bytes(napi_env env, napi_value value, uint8_t** data, size_t* length) {
  bool is_buffer = false;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer) return false;
  return napi_get_buffer_info(env, value, reinterpret_cast<void**>(data), length) == napi_ok;
}

napi_value Wrap(napi_env env, State* state) {
  napi_value object;
  napi_create_object(env, &object);
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<State*>(data); };
  if (napi_wrap(env, object, state, finalize, nullptr, nullptr) != napi_ok) {
    delete state;
    return Fail(env, "cannot keep the cipher state");
  }
  napi_type_tag_object(env, object, &kTypeTag);
  return object;
}

State* Unwrap(napi_env env, napi_value value) {
  bool is_state = false;
  if (napi_check_object_type_tag(env, value, &kTypeTag, &is_state) != napi_ok || !is_state) return nullptr;
  void* data = nullptr;
  return napi_unwrap(env, value, &data) == napi_ok ? static_cast<State*>(data) : nullptr;
}

napi_value CreateGcm(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  uint8_t *key, *iv;
  size_t key_bytes, iv_bytes;
  bool is_sealer;
  if (count != 3 || !Bytes(env, args[0], &key, &key_bytes) || !Bytes(env, args[1], &iv, &iv_bytes) ||
      napi_get_value_bool(env, args[2], &is_sealer) != napi_ok || iv_bytes != kGcmIvBytes ||
      (key_bytes != 16 && key_bytes != 32)) {
    return Fail(env, "expected a key of 16 or 32 bytes, a nonce of 12 bytes and a boolean");
  }
  auto* state = new State();
  state->is_gcm = true;
  state->is_sealer = is_sealer;
  state->body = EVP_CIPHER_CTX_new();
  memcpy(state->iv, iv, kGcmIvBytes);
  const EVP_CIPHER* cipher = key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
  if (EVP_CipherInit_ex(state->body, cipher, nullptr, key, iv, is_sealer ? 1 : 0) != 1) {
    delete state;
    return Fail(env, "AES-GCM is unavailable");
  }
  return Wrap(env, state);
}

napi_value CreateChacha(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  uint8_t* key;
  size_t key_bytes;
  bool is_sealer;
  if (count != 2 || !Bytes(env, args[0], &key, &key_bytes) || key_bytes != 2 * kChachaKeyBytes ||
      napi_get_value_bool(env, args[1], &is_sealer) != napi_ok) {
    return Fail(env, "expected a key of 64 bytes and a boolean");
  }
  auto* state = new State();
  state->is_sealer = is_sealer;
  state->body = EVP_CIPHER_CTX_new();
  state->header = EVP_CIPHER_CTX_new();
  EVP_MAC* poly1305 = EVP_MAC_fetch(nullptr, "POLY1305", nullptr);
  state->mac = poly1305 == nullptr ? nullptr : EVP_MAC_CTX_new(poly1305);
  EVP_MAC_free(poly1305);
  // The first half of the key is K_2, for the body; the second half is K_1, for the length.
  if (state->mac == nullptr || EVP_EncryptInit_ex(state->body, EVP_chacha20(), nullptr, key, nullptr) != 1 ||
      EVP_EncryptInit_ex(state->header, EVP_chacha20(), nullptr, key + kChachaKeyBytes, nullptr) != 1) {
    delete state;
    return Fail(env, "ChaCha20 or Poly1305 is unavailable");
  }
  return Wrap(env, state);
}

// XORs the stream that starts at the block into the bytes. The nonce of OpenSSL is the counter (64 bits, little endian), then the
// sequence number (64 bits, big endian).
bool Stream(EVP_CIPHER_CTX* cipher, uint8_t block, uint32_t sequence, uint8_t* to, const uint8_t* from, int bytes) {
  uint8_t nonce[16] = {block};
  for (int i = 0; i < 4; i++) nonce[15 - i] = static_cast<uint8_t>(sequence >> (8 * i));
  int written = 0;
  return EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, nonce) == 1 &&
         EVP_EncryptUpdate(cipher, to, &written, from, bytes) == 1 && written == bytes;
}

bool ChachaTag(State* state, uint32_t sequence, const uint8_t* packet, size_t bytes, uint8_t* tag) {
  uint8_t key[kChachaKeyBytes] = {0};
  size_t tag_bytes = 0;
  const bool is_done = Stream(state->body, 0, sequence, key, key, sizeof key) &&
                       EVP_MAC_init(state->mac, key, sizeof key, nullptr) == 1 &&
                       EVP_MAC_update(state->mac, packet, bytes) == 1 &&
                       EVP_MAC_final(state->mac, tag, &tag_bytes, kTagBytes) == 1 && tag_bytes == kTagBytes;
  OPENSSL_cleanse(key, sizeof key);
  return is_done;
}

void CountInvocation(uint8_t* iv) {
  for (size_t i = kGcmIvBytes; i-- > kGcmFixedBytes;) {
    if (++iv[i] != 0) return;
  }
}

bool SealGcm(State* state, uint8_t* packet, int bytes) {
  int written = 0;
  uint8_t* body = packet + kLengthBytes;
  const int body_bytes = bytes - static_cast<int>(kLengthBytes);
  const bool is_done =
      EVP_EncryptInit_ex(state->body, nullptr, nullptr, nullptr, state->iv) == 1 &&
      EVP_EncryptUpdate(state->body, nullptr, &written, packet, kLengthBytes) == 1 &&
      EVP_EncryptUpdate(state->body, body, &written, body, body_bytes) == 1 && written == body_bytes &&
      EVP_EncryptFinal_ex(state->body, body + body_bytes, &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(state->body, EVP_CTRL_AEAD_GET_TAG, kTagBytes, body + body_bytes) == 1;
  CountInvocation(state->iv);
  return is_done;
}

bool OpenGcm(State* state, uint8_t* packet, int bytes) {
  int written = 0;
  uint8_t* body = packet + kLengthBytes;
  const int body_bytes = bytes - static_cast<int>(kLengthBytes);
  const bool is_done =
      EVP_DecryptInit_ex(state->body, nullptr, nullptr, nullptr, state->iv) == 1 &&
      EVP_CIPHER_CTX_ctrl(state->body, EVP_CTRL_AEAD_SET_TAG, kTagBytes, body + body_bytes) == 1 &&
      EVP_DecryptUpdate(state->body, nullptr, &written, packet, kLengthBytes) == 1 &&
      EVP_DecryptUpdate(state->body, body, &written, body, body_bytes) == 1 && written == body_bytes &&
      EVP_DecryptFinal_ex(state->body, body + body_bytes, &written) == 1;
  CountInvocation(state->iv);
  return is_done;
}

bool SealChacha(State* state, uint8_t* packet, int bytes, uint32_t sequence) {
  uint8_t* body = packet + kLengthBytes;
  return Stream(state->header, 0, sequence, packet, packet, kLengthBytes) &&
         Stream(state->body, 1, sequence, body, body, bytes - static_cast<int>(kLengthBytes)) &&
         ChachaTag(state, sequence, packet, bytes, packet + bytes);
}

bool OpenChacha(State* state, uint8_t* packet, int bytes, uint32_t sequence) {
  uint8_t tag[kTagBytes];
  if (!ChachaTag(state, sequence, packet, bytes, tag)) return false;
  if (CRYPTO_memcmp(tag, packet + bytes, kTagBytes) != 0) return false;
  uint8_t* body = packet + kLengthBytes;
  return Stream(state->header, 0, sequence, packet, packet, kLengthBytes) &&
         Stream(state->body, 1, sequence, body, body, bytes - static_cast<int>(kLengthBytes));
}

struct Call {
  State* state;
  uint8_t* packet;
  uint32_t bytes;
  uint32_t sequence;
};

// Reads state, buffer, offset, packetBytes, sequence and checks that packet and tag lie in the buffer.
bool ReadCall(napi_env env, napi_callback_info info, bool is_sealer, Call* call) {
  size_t count = 5;
  napi_value args[5];
  uint8_t* buffer;
  size_t buffer_bytes;
  uint32_t offset;
  if (napi_get_cb_info(env, info, &count, args, nullptr, nullptr) != napi_ok || count != 5) return false;
  call->state = Unwrap(env, args[0]);
  return call->state != nullptr && call->state->is_sealer == is_sealer &&
         Bytes(env, args[1], &buffer, &buffer_bytes) && napi_get_value_uint32(env, args[2], &offset) == napi_ok &&
         napi_get_value_uint32(env, args[3], &call->bytes) == napi_ok &&
         napi_get_value_uint32(env, args[4], &call->sequence) == napi_ok && call->bytes > kLengthBytes &&
         call->bytes <= INT32_MAX && offset + uint64_t{call->bytes} + kTagBytes <= buffer_bytes &&
         (call->packet = buffer + offset);
}

napi_value Seal(napi_env env, napi_callback_info info) {
  Call call;
  if (!ReadCall(env, info, true, &call)) return Fail(env, "expected a sealer and a packet within the buffer");
  const bool is_done = call.state->is_gcm ? SealGcm(call.state, call.packet, call.bytes)
                                          : SealChacha(call.state, call.packet, call.bytes, call.sequence);
  return is_done ? nullptr : Fail(env, "cannot encrypt the packet");
}

napi_value Open(napi_env env, napi_callback_info info) {
  Call call;
  if (!ReadCall(env, info, false, &call)) return Fail(env, "expected an opener and a packet within the buffer");
  napi_value result;
  napi_get_boolean(env,
                   call.state->is_gcm ? OpenGcm(call.state, call.packet, call.bytes)
                                      : OpenChacha(call.state, call.packet, call.bytes, call.sequence),
                   &result);
  return result;
}

napi_value PacketLength(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4], result;
  uint8_t *buffer, length[kLengthBytes];
  size_t buffer_bytes;
  uint32_t offset, sequence;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  State* state = count == 4 ? Unwrap(env, args[0]) : nullptr;
  if (state == nullptr || state->is_gcm || !Bytes(env, args[1], &buffer, &buffer_bytes) ||
      napi_get_value_uint32(env, args[2], &offset) != napi_ok ||
      napi_get_value_uint32(env, args[3], &sequence) != napi_ok || offset + uint64_t{kLengthBytes} > buffer_bytes) {
    return Fail(env, "expected a chacha20-poly1305 state and a length within the buffer");
  }
  if (!Stream(state->header, 0, sequence, length, buffer + offset, kLengthBytes)) return Fail(env, "cannot decrypt the length");
  const uint32_t value = uint32_t{length[0]} << 24 | uint32_t{length[1]} << 16 | uint32_t{length[2]} << 8 | length[3];
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"createGcm", nullptr, CreateGcm, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"createChacha", nullptr, CreateChacha, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"seal", nullptr, Seal, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"open", nullptr, Open, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"packetLength", nullptr, PacketLength, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
