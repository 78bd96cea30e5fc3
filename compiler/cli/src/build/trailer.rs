//! The build record at the end of a gateway (RT-CLI-12): behind what the system loads, so that it costs
//! the running gateway nothing, and others can read it without running anything.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

/// What the file ends with; before it stands the length of the record, and before that the record.
const MARK: &[u8; 16] = b"\ngoma build 1\n\0\0";

/// Bytes of the length, the last first.
const LENGTH_BYTES: usize = 8;

/// The longest record.
const RECORD_BYTES_MAX: usize = 4 << 20;

/// Puts a record at the end of a file that has none.
pub(super) fn append(file: &Path, record: &Value) -> std::io::Result<()> {
    let record = record.to_string();
    let mut file = OpenOptions::new().append(true).open(file)?;
    file.write_all(record.as_bytes())?;
    file.write_all(&(record.len() as u64).to_le_bytes())?;
    file.write_all(MARK)
}

/// The record of a gateway, if it has one.
pub(crate) fn read(gateway: &[u8]) -> Option<Value> {
    serde_json::from_slice(record(gateway)?).ok()
}

/// How many bytes of a gateway are its record and what says how long that is.
pub(crate) fn size(gateway: &[u8]) -> usize {
    record(gateway).map_or(0, |record| record.len() + LENGTH_BYTES + MARK.len())
}

fn record(gateway: &[u8]) -> Option<&[u8]> {
    let rest = gateway.strip_suffix(MARK)?;
    let (rest, length) = rest.split_last_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let start = rest.len().checked_sub(length)?;
    rest.get(start..).filter(|_| length <= RECORD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_appended_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, b"\x7fELF").unwrap();
        let record = json!({"revision": "0a", "crates": []});
        append(file.path(), &record).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(read(&bytes), Some(record));
        assert_eq!(size(&bytes), bytes.len() - b"\x7fELF".len());
        assert_eq!(size(b"\x7fELF"), 0);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None);
        }
        let mut long = bytes;
        let at = long.len() - MARK.len() - 1;
        long[at] = 0xff;
        assert_eq!(read(&long), None);
    }
}
