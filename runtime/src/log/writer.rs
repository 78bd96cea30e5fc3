//! The thread that writes log lines to standard output.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Batches on their way to the thread; more are dropped.
const QUEUE_BATCHES: usize = 256;

/// Hands batches of lines to the thread. One per core.
#[derive(Clone, Debug)]
pub struct Writer(SyncSender<Vec<u8>>);

impl Writer {
    /// Starts the thread, which ends when all writers are gone.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = sync_channel(QUEUE_BATCHES);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&receiver))?;
        Ok((Self(sender), thread))
    }

    pub(super) fn try_send(&self, batch: Vec<u8>) -> Result<(), TrySendError<Vec<u8>>> {
        self.0.try_send(batch)
    }
}

fn write_all(receiver: &Receiver<Vec<u8>>) {
    let mut output = io::stdout().lock();
    while let Ok(batch) = receiver.recv() {
        // Nobody is left to be told if standard output is gone.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
    }
}
