// Included before all else when ssh2's native ciphers are built: their classes then derive from Nan::ObjectWrap, which has no
// clean-up hooks. See build-ssh2.mjs.
#include <nan.h>
#define ObjectWrap Nan::ObjectWrap
