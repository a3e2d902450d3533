import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;

/** Creates a symbolic link. Arguments: PORT PASSWORD LINK TARGET. JSch makes a relative target absolute. */
public class JschLink {
    public static void main(String[] arguments) throws Exception {
        Session session = new JSch().getSession("carol", "127.0.0.1", Integer.parseInt(arguments[0]));
        session.setPassword(arguments[1]);
        session.setConfig("StrictHostKeyChecking", "no");
        session.connect(60_000);
        ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
        sftp.connect();
        sftp.cd("/local");
        sftp.symlink(arguments[3], arguments[2]);
        session.disconnect();
    }
}
