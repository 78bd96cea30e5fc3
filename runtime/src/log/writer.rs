//! The thread that writes log lines to where they belong.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::file::LogFile;
use super::line::{Line, TimeStamp};
use crate::values::scalar::{Format, Level};

/// Batches on their way to the thread; more are dropped.
const QUEUE_BATCHES: usize = 256;

/// Hands batches of lines to the thread. One per core.
#[derive(Clone, Debug)]
pub struct Writer {
    batches: SyncSender<Vec<u8>>,
    /// Whether a file is to be opened anew.
    reopen: Arc<AtomicBool>,
}

/// A file, and what is to be said about it.
struct Filing {
    file: LogFile,
    format: Format,
    /// Lines that could not be written since the last that could.
    lost: u64,
}

impl Writer {
    /// Starts the thread, which ends when all writers are gone. `file`: in place of standard output;
    /// `format`: of what the thread says itself.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start(file: Option<LogFile>, format: Format) -> io::Result<(Self, JoinHandle<()>)> {
        let (batches, receiver) = sync_channel(QUEUE_BATCHES);
        let reopen = Arc::<AtomicBool>::default();
        let asked = Arc::clone(&reopen);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || match file {
            None => write_out(&receiver),
            Some(file) => file_all(&receiver, &asked, file, format),
        })?;
        Ok((Self { batches, reopen }, thread))
    }

    /// Has a file opened anew, because it has been moved away (SIGUSR1). Never waits.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
        // Wakes the thread; if its queue is full, it is awake.
        let _ = self.batches.try_send(Vec::new());
    }

    pub(super) fn try_send(&self, batch: Vec<u8>) -> Result<(), TrySendError<Vec<u8>>> {
        self.batches.try_send(batch)
    }
}

fn write_out(receiver: &Receiver<Vec<u8>>) {
    let mut output = io::stdout().lock();
    while let Ok(batch) = receiver.recv() {
        // Nobody is left to be told if standard output is gone.
        let _ = output.write_all(&batch).and_then(|()| output.flush());
    }
}

fn file_all(receiver: &Receiver<Vec<u8>>, reopen: &AtomicBool, file: LogFile, format: Format) {
    let mut filing = Filing {
        file,
        format,
        lost: 0,
    };
    while let Ok(batch) = receiver.recv() {
        if reopen.swap(false, Ordering::Relaxed)
            && let Err(error) = filing.file.reopen()
        {
            filing.complain("Log file not reopened", &error);
        }
        if !batch.is_empty() {
            filing.write(&batch);
        }
    }
}

impl Filing {
    fn write(&mut self, batch: &[u8]) {
        if self.file.is_full(batch.len())
            && let Err(error) = self.file.rotate()
        {
            self.complain("Log file not rotated", &error);
        }
        match self.file.append(batch) {
            Ok(()) => self.report_lost(),
            Err(error) => {
                if self.lost == 0 {
                    self.complain("Log file not written", &error);
                }
                let lines = memchr::memchr_iter(b'\n', batch).count();
                self.lost += lines as u64;
            }
        }
    }

    fn report_lost(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            let line = self.line(Level::Warn, "Log lines dropped", |line| {
                line.number("lines", lost);
            });
            let _ = self.file.append(&line);
        }
    }

    /// Says in the file, as far as it takes that, and on standard error what is wrong with it.
    fn complain(&mut self, message: &str, error: &io::Error) {
        let line = self.line(Level::Error, message, |line| {
            line.text("error", &error.to_string());
        });
        let _ = self.file.append(&line);
        let _ = io::stderr().write_all(&line);
    }

    fn line(&self, level: Level, message: &str, fill: impl FnOnce(&mut Line<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut time = TimeStamp::default();
        let mut line = Line::begin(&mut out, self.format, &mut time, level, message);
        fill(&mut line);
        line.end();
        out
    }
}
