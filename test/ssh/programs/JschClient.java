import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;

/** Lists, puts and gets a file. Arguments: PORT USER PASSWORD UPLOAD REMOTE DOWNLOAD. */
public class JschClient {
    public static void main(String[] arguments) throws Exception {
        Session session = new JSch().getSession(arguments[1], "127.0.0.1", Integer.parseInt(arguments[0]));
        session.setPassword(arguments[2]);
        session.setConfig("StrictHostKeyChecking", "no");
        session.connect(60_000);
        ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
        sftp.connect();
        sftp.put(arguments[3], arguments[4]);
        for (Object entry : sftp.ls("/uploads")) System.out.println(((ChannelSftp.LsEntry) entry).getFilename());
        sftp.get(arguments[4], arguments[5]);
        session.disconnect();
    }
}
