//! What a gateway's first frame says of the limit for header lists (RT-H2-1).

/// Length, type, flags and stream of a frame.
const HEADER_BYTES: usize = 9;
const SETTINGS: u8 = 4;
const MAX_HEADER_LIST_SIZE: [u8; 2] = 6_u16.to_be_bytes();

/// Has the SETTINGS frame that begins `bytes` name this limit in place of the one that the `h2` crate goes by.
/// Other bytes stay.
pub fn announce(bytes: &mut [u8], list_bytes_max: u32) {
    let Some((header, payload)) = bytes.split_at_mut_checked(HEADER_BYTES) else {
        return;
    };
    let &mut [high, middle, low, kind, ..] = header else {
        return;
    };
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    let Some(payload) = payload.get_mut(..length).filter(|_| kind == SETTINGS) else {
        return;
    };
    for entry in payload.chunks_exact_mut(6) {
        if let Some((id, value)) = entry.split_at_mut_checked(2)
            && *id == MAX_HEADER_LIST_SIZE
        {
            value.copy_from_slice(&list_bytes_max.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-H2-1
    #[test]
    fn the_limit_is_replaced_and_nothing_else() {
        let frame = |limit: u8| {
            let mut frame = vec![0, 0, 12, SETTINGS, 0, 0, 0, 0, 0];
            frame.extend([0, 3, 0, 0, 0, 6, 0, 6, 0, 0, 0, limit]);
            frame.extend([0, 0, 6, 0, 0, 0, 0, 0, 1, 0, 6, 1, 1, 1, 1]);
            frame
        };
        let mut bytes = frame(1);
        announce(&mut bytes, 200);
        assert_eq!(bytes, frame(200));

        for mut other in [vec![], vec![0, 0, 6, SETTINGS], frame(1)[..20].to_vec()] {
            let before = other.clone();
            announce(&mut other, 200);
            assert_eq!(other, before);
        }
    }
}
