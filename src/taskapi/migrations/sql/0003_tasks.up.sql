CREATE EXTENSION IF NOT EXISTS unaccent;
-- statement
-- Words as they are, without stemming: people write in many languages. Accents are folded in tasks and in queries alike.
CREATE TEXT SEARCH CONFIGURATION task_text (COPY = simple);
-- statement
ALTER TEXT SEARCH CONFIGURATION task_text
ALTER MAPPING FOR word, numword, hword, numhword, hword_part, hword_numpart WITH unaccent, simple;
-- statement
-- `status`: 0 todo, 1 in_progress, 2 done. `priority`: 0 none … 4 urgent. `due_at`: infinity is no date at all, so that
-- due dates sort and compare without exceptions; it keeps what it was given, to the microsecond.
CREATE TABLE tasks (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    status smallint NOT NULL,
    priority smallint NOT NULL,
    created_at timestamptz (3) NOT NULL,
    updated_at timestamptz (3) NOT NULL,
    due_at timestamptz NOT NULL DEFAULT 'infinity',
    completed_at timestamptz (3),
    trashed_at timestamptz (3),
    title text NOT NULL,
    description text NOT NULL,
    labels text [] NOT NULL,
    search tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('task_text', title || E'\n' || description)) STORED,
    CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT tasks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT tasks_status_known CHECK (status BETWEEN 0 AND 2),
    CONSTRAINT tasks_priority_known CHECK (priority BETWEEN 0 AND 4),
    CONSTRAINT tasks_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    CONSTRAINT tasks_description_length CHECK (char_length(description) <= 20000),
    CONSTRAINT tasks_labels_count CHECK (cardinality(labels) <= 20),
    CONSTRAINT tasks_completed CHECK ((status = 2) = (completed_at IS NOT NULL))
) WITH (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);
-- statement
-- The lists of live tasks walk these four in order. Each holds all that lists filter by, words excepted, so that a walk
-- in search of rare tasks reads the index alone.
CREATE INDEX tasks_created ON tasks (user_id, id)
INCLUDE (status, priority, due_at, updated_at) WHERE trashed_at IS NULL;
-- statement
CREATE INDEX tasks_priority ON tasks (user_id, status, priority, id)
INCLUDE (due_at, updated_at) WHERE trashed_at IS NULL;
-- statement
CREATE INDEX tasks_updated ON tasks (user_id, status, updated_at, id)
INCLUDE (priority, due_at) WHERE trashed_at IS NULL;
-- statement
CREATE INDEX tasks_due ON tasks (user_id, status, due_at, id)
INCLUDE (priority, updated_at) WHERE trashed_at IS NULL;
-- statement
CREATE INDEX tasks_trash ON tasks (user_id, trashed_at, id) WHERE trashed_at IS NOT NULL;
-- statement
CREATE INDEX tasks_trash_age ON tasks (trashed_at) WHERE trashed_at IS NOT NULL;
-- statement
-- Labels and words of one person: the array is a form of the owner that no other index has, so that a query written with
-- it can only use this one; without statistics it counts as selective, whoever the person is. What is pending is read by
-- every search, so it is kept short.
CREATE INDEX tasks_words ON tasks USING gin ((ARRAY[user_id]), labels, search)
WITH (gin_pending_list_limit = 512) WHERE trashed_at IS NULL;
-- statement
ALTER INDEX tasks_words ALTER COLUMN 1 SET STATISTICS 0;
-- statement
-- How many live tasks a person has, by status. Statement triggers keep it, in the transaction of the change.
CREATE TABLE task_counts (
    user_id uuid NOT NULL,
    todo bigint NOT NULL,
    in_progress bigint NOT NULL,
    done bigint NOT NULL,
    CONSTRAINT task_counts_pkey PRIMARY KEY (user_id),
    CONSTRAINT task_counts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) WITH (fillfactor = 50);
-- statement
CREATE FUNCTION count_added_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_counts AS counts (user_id, todo, in_progress, done)
    SELECT
        user_id,
        count(*) FILTER (WHERE status = 0),
        count(*) FILTER (WHERE status = 1),
        count(*) FILTER (WHERE status = 2)
    FROM new_tasks
    WHERE trashed_at IS NULL
    GROUP BY user_id
    ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        todo = counts.todo + excluded.todo,
        in_progress = counts.in_progress + excluded.in_progress,
        done = counts.done + excluded.done;
    RETURN NULL;
END
$$;
-- statement
CREATE FUNCTION count_changed_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE task_counts AS counts SET
        todo = counts.todo + change.todo,
        in_progress = counts.in_progress + change.in_progress,
        done = counts.done + change.done
    FROM (
        SELECT
            user_id,
            coalesce(sum(step) FILTER (WHERE status = 0), 0) AS todo,
            coalesce(sum(step) FILTER (WHERE status = 1), 0) AS in_progress,
            coalesce(sum(step) FILTER (WHERE status = 2), 0) AS done
        FROM (
            SELECT user_id, status, 1 AS step FROM new_tasks WHERE trashed_at IS NULL
            UNION ALL
            SELECT user_id, status, -1 AS step FROM old_tasks WHERE trashed_at IS NULL
        ) AS steps
        GROUP BY user_id
    ) AS change
    WHERE counts.user_id = change.user_id AND (change.todo, change.in_progress, change.done) <> (0, 0, 0);
    RETURN NULL;
END
$$;
-- statement
-- Takes away and never adds a row: when a user is removed, the row may be gone before the tasks are.
CREATE FUNCTION count_removed_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE task_counts AS counts SET
        todo = counts.todo - gone.todo,
        in_progress = counts.in_progress - gone.in_progress,
        done = counts.done - gone.done
    FROM (
        SELECT
            user_id,
            count(*) FILTER (WHERE status = 0) AS todo,
            count(*) FILTER (WHERE status = 1) AS in_progress,
            count(*) FILTER (WHERE status = 2) AS done
        FROM old_tasks
        WHERE trashed_at IS NULL
        GROUP BY user_id
    ) AS gone
    WHERE counts.user_id = gone.user_id;
    RETURN NULL;
END
$$;
-- statement
CREATE TRIGGER tasks_added AFTER INSERT ON tasks
REFERENCING NEW TABLE AS new_tasks FOR EACH STATEMENT EXECUTE FUNCTION count_added_tasks();
-- statement
CREATE TRIGGER tasks_changed AFTER UPDATE ON tasks
REFERENCING OLD TABLE AS old_tasks NEW TABLE AS new_tasks FOR EACH STATEMENT EXECUTE FUNCTION count_changed_tasks();
-- statement
CREATE TRIGGER tasks_removed AFTER DELETE ON tasks
REFERENCING OLD TABLE AS old_tasks FOR EACH STATEMENT EXECUTE FUNCTION count_removed_tasks();
