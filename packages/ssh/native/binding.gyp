{
  'targets': [
    {
      'target_name': 'packet_protection',
      'sources': ['packet-protection.cc'],
      'cflags_cc': ['-std=c++17', '-O2', '-Wall', '-Wextra'],
      'defines': ['NAPI_VERSION=8'],
    }
  ]
}
