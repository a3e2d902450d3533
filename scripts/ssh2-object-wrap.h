// Taken in before everything else when ssh2's native ciphers are built again: their classes then derive from Nan::ObjectWrap,
// which has no clean-up hooks. See repair-ssh2.mjs.
#include <nan.h>
#define ObjectWrap Nan::ObjectWrap
