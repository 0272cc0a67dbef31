//! The SSH tunnel of storage targets, by the system's own `ssh`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::config::SshTunnel;
use super::secret::SecretSource;

const PATIENCE: Duration = Duration::from_secs(30);

/// A tunnel that is open; it closes when dropped.
pub struct Tunnel {
    child: Child,
    port: u16,
    /// The private key lives as long as `ssh` may read it.
    _key: Option<tempfile::NamedTempFile>,
}

impl Tunnel {
    /// Opens a tunnel and waits until it takes connections.
    pub fn open(config: &SshTunnel) -> Result<Tunnel, String> {
        if config.passphrase.is_some() {
            return Err("`ssh` cannot be given the passphrase of a key; load the key into ssh-agent and remove \
                        sshTunnel.bastion.passphrase"
                .to_owned());
        }
        let key = match &config.key_parameter {
            None => None,
            Some(name) => Some(write_key(name)?),
        };
        let mut command = Command::new("ssh");
        command.args(arguments(config));
        if let Some(file) = &key {
            command.arg("-i").arg(file.path());
        }
        command.arg(&config.bastion_host).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|error| format!("`ssh` does not run: {error}"))?;
        let mut tunnel = Tunnel { child, port: config.local_port, _key: key };
        tunnel.wait()?;
        Ok(tunnel)
    }

    /// Where the tunnel begins.
    pub fn address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    /// The port at which it begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let address = SocketAddr::new(self.address(), self.port);
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the SSH tunnel ended at once ({status}); what ssh says stands above"));
            }
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the SSH tunnel takes no connections after {} s", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(config: &SshTunnel) -> Vec<String> {
    let forward = format!("127.0.0.1:{}:{}:{}", config.local_port, config.destination_host, config.destination_port);
    let mut arguments: Vec<String> =
        ["-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"].into_iter().map(str::to_owned).collect();
    let rest =
        ["-o", "ServerAliveInterval=30", "-p", &config.bastion_port.to_string(), "-l", &config.user, "-L", &forward];
    arguments.extend(rest.into_iter().map(str::to_owned));
    arguments
}

fn write_key(parameter: &str) -> Result<tempfile::NamedTempFile, String> {
    let secret = SecretSource::ParameterStore(parameter.to_owned()).resolve(&[])?;
    let text = secret.ok_or("the key is empty")?;
    // Temporary files are readable by their owner only, which ssh insists on.
    let failed = |error: std::io::Error| format!("the key cannot be kept for ssh: {error}");
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    writeln!(file, "{}", text.reveal()).and_then(|()| file.flush()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SshTunnel {
        SshTunnel {
            bastion_host: "bastion.acme.com".into(),
            bastion_port: 2222,
            user: "snowplow".into(),
            passphrase: None,
            key_parameter: None,
            local_port: 15151,
            destination_host: "10.0.0.11".into(),
            destination_port: 5439,
        }
    }

    #[test]
    fn arguments_of_ssh() {
        let text = arguments(&config()).join(" ");
        assert!(text.contains("-p 2222 -l snowplow -L 127.0.0.1:15151:10.0.0.11:5439"), "{text}");
        assert!(text.contains("BatchMode=yes"), "a question would wait forever: {text}");
    }

    #[test]
    fn a_passphrase_is_refused_with_a_way_out() {
        let config = SshTunnel { passphrase: Some(super::super::secret::Secret::new("x")), ..config() };
        assert!(Tunnel::open(&config).err().unwrap().contains("ssh-agent"));
    }
}
