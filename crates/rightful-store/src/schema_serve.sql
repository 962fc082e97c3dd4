-- What serving needs: members and their sessions, the audit log, schedules and alarms, connections entered in the console.

ALTER TABLE integration ADD COLUMN editable INTEGER NOT NULL DEFAULT 0; -- may account managers edit the code table?

-- When a code's rows last changed, whether they stand or left.
CREATE INDEX code_row_by_code ON code_row (integration, code, since, until);
