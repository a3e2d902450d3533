# Runs the steps with Ruby's Net::SFTP. Arguments: PORT USER IDENTITY.
require 'net/sftp'

port, user, identity = ARGV
options = { port: port.to_i, keys: [identity], keys_only: true, verify_host_key: :never, config: false, non_interactive: true }
sftp = Net::SFTP.start('127.0.0.1', user, **options)

def copy(source, target)
  while (data = source.read(32_768))
    target.write(data)
  end
end

posix_rename = 2
steps = {
  'put' => ->(local, remote) { sftp.upload!(local, remote) },
  'get' => ->(remote, local) { sftp.download!(remote, local) },
  'resumePut' => lambda { |local, remote|
    size = sftp.stat!(remote).size
    handle = sftp.open!(remote, 'r+')
    File.open(local, 'rb') do |source|
      source.seek(size)
      while (data = source.read(32_768))
        sftp.write!(handle, source.pos - data.bytesize, data)
      end
    end
    sftp.close!(handle)
  },
  'resumeGet' => lambda { |remote, local|
    File.open(local, 'ab') do |target|
      handle = sftp.open!(remote)
      offset = target.size
      while (data = sftp.read!(handle, offset, 32_768))
        target.write(data)
        offset += data.bytesize
      end
      sftp.close!(handle)
    end
  },
  'rename' => ->(from, to) { sftp.rename!(from, to) },
  'replace' => ->(from, to) { sftp.rename!(from, to, posix_rename) },
  'mkdir' => ->(path) { sftp.mkdir!(path) },
  'rmdir' => ->(path) { sftp.rmdir!(path) },
  'putTree' => ->(local, remote) { sftp.upload!(local, remote, mkdir: true) },
  'getTree' => ->(remote, local) { sftp.download!(remote, local, recursive: true) },
  'putTimes' => lambda { |local, remote|
    sftp.upload!(local, remote)
    time = File.mtime(local).to_i
    sftp.setstat!(remote, atime: time, mtime: time)
  },
  'chmod' => ->(mode, path) { sftp.setstat!(path, permissions: mode.to_i(8)) },
  'append' => lambda { |local, remote|
    sftp.file.open(remote, 'a') { |target| File.open(local, 'rb') { |source| copy(source, target) } }
  },
  'change' => lambda { |remote, offset, text|
    handle = sftp.open!(remote, 'r+')
    sftp.write!(handle, offset.to_i, text)
    sftp.close!(handle)
  },
  'truncate' => ->(path, size) { sftp.setstat!(path, size: size.to_i) },
  'symlink' => ->(target, link) { sftp.symlink!(link, target) }
}
$stdout.sync = true
$stdin.each_line do |line|
  name, *arguments = line.chomp.split("\t")
  if steps.key?(name)
    begin
      steps[name].call(*arguments)
      puts 'done'
    rescue StandardError => e
      puts "failed\t#{e.class}: #{e.message}".tr("\n", ' ')
    end
  else
    puts 'absent'
  end
end
sftp.session.close
