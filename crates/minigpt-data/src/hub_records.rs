//! Records of a dataset on the hub, for whoever knows their fields.

use serde_json::{Map, Value};

use crate::columns::visit_parquet_rows;
use crate::files::DataFile;
use crate::input::{bad_bytes, is_parquet, open_parquet};
use crate::json::{object_of_record, visit_list_or_lines};
use crate::{DataError, Download, FileLine, HubDataset, Portion, ReadOptions};

/// Takes a record and where it stands; an error of its own is a reason, which becomes [`DataError::BadExample`].
pub type RecordVisitor<'v> = dyn FnMut(&Map<String, Value>) -> Result<(), String> + 'v;

impl HubDataset {
    /// Gives each record of a split, of Parquet files with those of the columns `fields` that there are; downloads what is not
    /// in the hub's cache.
    ///
    /// # Errors
    /// [`DataError::Hub`], [`DataError::NoExamples`] where the dataset has no files for the split, and those of reading
    /// files.
    pub fn visit_records(
        &self,
        portion: Portion,
        fields: &[&str],
        options: &ReadOptions,
        progress: &mut dyn FnMut(Download),
        visit: &mut RecordVisitor<'_>,
    ) -> Result<(), DataError> {
        let [train, valid, test] = self.records(&options.hub, portion, progress)?;
        let paths = [train, valid, test].concat();
        if paths.is_empty() {
            return Err(DataError::NoExamples { path: format!("hf:{self}, {portion}").into() });
        }
        for path in paths {
            let file = DataFile::from(path.clone());
            let place = |line| FileLine { path: path.as_path().into(), line };
            if is_parquet(&path) {
                visit_parquet_rows(&path, open_parquet(&file)?, fields, &mut |row, fields| {
                    visit(&fields).map_err(|reason| place(row).bad(reason))
                })?;
                continue;
            }
            let (bad_bytes, wrong) =
                (bad_bytes(options), |line: u64, reason: String| place(line).bad(reason));
            visit_list_or_lines(&path, file.open()?, bad_bytes, &wrong, &mut |line, json| {
                let fields = object_of_record(json, bad_bytes);
                fields.and_then(|fields| visit(&fields)).map_err(|reason| wrong(line, reason))
            })?;
        }
        Ok(())
    }
}
