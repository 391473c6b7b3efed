//! Child processes that never outlive the tests.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{mpsc, Mutex, OnceLock};
use std::thread;

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a process that the kernel kills when this one ends, however it ends.
///
/// The kernel means the end of the thread that started it, not of the process, and a test is a
/// thread: so one thread, which lives as long as the process, starts all of them.
pub fn spawn_bound(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Request>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                // SAFETY: prctl with these arguments is a plain system call: it neither allocates
                // nor locks, as is asked of code between fork and exec.
                unsafe { command.pre_exec(die_with_parent) };
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, child) = mpsc::channel();
    let spawner = spawner.lock().expect("no thread fails while it asks");
    let asked = spawner.send((command, answer)).is_ok();
    drop(spawner);
    assert!(asked, "the thread that starts servers is gone");
    child
        .recv()
        .expect("the thread that starts servers answers")
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory of ours.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to a process that was started here.
pub fn signal(child: &Child, signal: libc::c_int) {
    // SAFETY: kill takes plain numbers. The child has not been waited for, so the pid is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) };
}

/// A process that a child has started.
pub struct Grandchild(libc::pid_t);

impl Grandchild {
    pub fn kill(self) {
        // SAFETY: kill takes plain numbers. Its parent stands still and has not waited for it.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// The processes that a child has started, which is stopped or about to be.
pub fn children(child: &Child) -> impl Iterator<Item = Grandchild> {
    let pid = child.id();
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let pids: Vec<_> = list
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.into_iter().map(Grandchild)
}
