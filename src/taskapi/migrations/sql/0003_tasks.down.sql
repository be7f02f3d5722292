DROP TABLE task_counts;
-- statement
DROP TABLE tasks;
-- statement
DROP FUNCTION count_added_tasks();
-- statement
DROP FUNCTION count_changed_tasks();
-- statement
DROP FUNCTION count_removed_tasks();
-- statement
DROP TEXT SEARCH CONFIGURATION task_text;
