//! A contender: nginx, where it is installed. This program writes its configuration, listens, says so,
//! and becomes nginx, which is handed the listener as in an upgrade of its program.
//!
//! nginx answers `/plaintext` and `/json` only (it cannot send a body back by itself), with its own
//! version as `Server` and `Connection: keep-alive` besides. It is a master with as many workers as cores:
//! without a master, nginx 1.22 crashes when it is handed a listener. The configuration lies in a folder of
//! `TMPDIR`, which is left behind.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use peer_common::Options;

fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    let nginx = find().ok_or_else(|| io::Error::other("nginx is not here"))?;
    let folder = std::env::temp_dir().join(format!("peer-nginx-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let listener = options.listen(1)?.remove(0);
    stay_open(&listener)?;
    let file = folder.join("nginx.conf");
    fs::write(
        &file,
        configuration(&folder, listener.local_addr()?, options.cores),
    )?;
    let error = Command::new(nginx)
        .arg("-p")
        .arg(&folder)
        .arg("-e")
        .arg("stderr")
        .arg("-c")
        .arg(&file)
        // What a new program of nginx takes over from the one before: descriptors of listeners.
        .env("NGINX", format!("{};", listener.into_raw_fd()))
        .exec();
    Err(error)
}

/// Debian has it where only root looks.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())
}

/// Lets the listener live on in the program that this one becomes.
fn stay_open(listener: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the call takes no pointer.
    if unsafe { libc::fcntl(listener.as_raw_fd(), libc::F_SETFD, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn configuration(folder: &Path, addr: std::net::SocketAddr, cores: usize) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\n\
         worker_processes {cores};\n\
         pid {folder}/pid;\n\
         error_log stderr error;\n\
         events {{\n  worker_connections 65536;\n}}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 keepalive_timeout 3600;\n\
         \x20 keepalive_requests 1000000000;\n\
         {temporary}\
         \x20 server {{\n\
         \x20   listen {addr};\n\
         \x20   location = /plaintext {{\n\
         \x20     default_type text/plain;\n\
         \x20     return 200 'Hello, World!';\n\
         \x20   }}\n\
         \x20   location = /json {{\n\
         \x20     default_type application/json;\n\
         \x20     return 200 '{{\"message\":\"Hello, World!\"}}';\n\
         \x20   }}\n\
         \x20 }}\n\
         }}\n"
    )
}
