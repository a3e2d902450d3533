// The build of ssh2's native ciphers includes this file first. Their classes then derive from Nan::ObjectWrap, which has no
// clean-up hooks. See build-ssh2.mjs.
#include <nan.h>
#define ObjectWrap Nan::ObjectWrap
