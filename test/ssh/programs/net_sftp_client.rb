# Lists, puts and gets a file. Arguments: PORT USER IDENTITY UPLOAD REMOTE DOWNLOAD.
require 'net/sftp'

port, user, identity, upload, remote, download = ARGV
options = { port: port.to_i, keys: [identity], keys_only: true, verify_host_key: :never, config: false, non_interactive: true }
Net::SFTP.start('127.0.0.1', user, **options) do |sftp|
  sftp.upload!(upload, remote)
  puts sftp.dir.entries('/uploads').map(&:name)
  sftp.download!(remote, download)
end
