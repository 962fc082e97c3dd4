-- What serving needs: members and their sessions, the audit log, schedules and alarms, connections entered in the console.

ALTER TABLE integration ADD COLUMN editable INTEGER NOT NULL DEFAULT 0; -- may account managers edit the code table?
