//! Reads text from an Arrow column, in any of its layouts.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, StringArray, StringViewArray, UInt32Array};
use arrow_schema::DataType;

/// A text column: plain, as views, or as a dictionary.
#[derive(Clone, Debug)]
pub enum TextColumn {
    /// Plain strings.
    Plain(StringArray),
    /// String views.
    View(StringViewArray),
    /// Keys, and the strings they stand for.
    Dictionary(UInt32Array, StringArray),
}

impl TextColumn {
    /// The text in `array`.
    ///
    /// # Errors
    ///
    /// Returns the column's type if it is not text.
    pub fn new(array: &ArrayRef) -> Result<Self, DataType> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Plain(array.as_string().clone())),
            DataType::Utf8View => Ok(Self::View(array.as_string_view().clone())),
            DataType::Dictionary(key, value) if **key == DataType::UInt32 && **value == DataType::Utf8 => {
                let array = array.as_dictionary::<UInt32Type>();
                Ok(Self::Dictionary(array.keys().clone(), array.values().as_string().clone()))
            }
            other => Err(other.clone()),
        }
    }

    /// The text in `row`; `None` for null.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Dictionary(keys, values) => keys.is_valid(row).then(|| values.value(keys.value(row) as usize)),
        }
    }
}
